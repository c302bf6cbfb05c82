import { TautlineError } from './errors.ts'
import { boundIssues, type RawIssue } from './issues.ts'

/**
 * Any [Standard Schema](https://standardschema.dev) validator: zod 4, zod/mini, valibot, arktype and others.
 *
 * Deliberately no more than this: spelling out what stands behind `~standard` makes TypeScript compute every input and
 * output type of a contract where it is defined (5.4 times the work with 1,000 procedures) instead of where it is read.
 */
export interface Schema {
  // biome-ignore lint/suspicious/noExplicitAny: `unknown` could not be indexed by infer.ts
  readonly '~standard': any
}

/** A schema, or `true` where a value exists but its schema does not travel (in an outline). */
export type Part = Schema | true

type Verdict = { readonly value: unknown; readonly issues?: undefined } | { readonly issues: readonly RawIssue[] }

/** Says whether a value is a schema; arktype's are functions. */
export function isSchema(value: unknown): value is Schema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  const standard: unknown = '~standard' in value ? value['~standard'] : undefined
  return (
    typeof standard === 'object' &&
    standard !== null &&
    'validate' in standard &&
    typeof standard.validate === 'function'
  )
}

/**
 * What `schema` makes of `value`; a promise of it only where the validator itself answers with one.
 *
 * Without a schema nothing is expected: `undefined` and `null` (which the wire does not tell apart) become `undefined`,
 * anything else is refused. With `true` the value passes as it is.
 *
 * @param what - what the value is, for the error: `'the input'`.
 * @param path - the entry that it belongs to, if that is to be said; joined with `what` only when there is an error.
 * @throws {TautlineError} `INVALID_ARGUMENT` with at most ten `issues`. What a validator itself throws passes as it is.
 */
export function parse(schema: Part | undefined, value: unknown, what: string, path?: string): unknown {
  if (schema === true) return value
  if (schema === undefined) {
    if (value === undefined || value === null) return undefined
    throw refusal(what, path, [{ message: 'no value is expected here' }], value)
  }
  const verdict: Verdict | PromiseLike<Verdict> = schema['~standard'].validate(value)
  if ('then' in verdict) return verdict.then(late => accept(late, what, path, value))
  return accept(verdict, what, path, value)
}

function accept(verdict: Verdict, what: string, path: string | undefined, value: unknown): unknown {
  if (verdict.issues === undefined) return verdict.value
  throw refusal(what, path, verdict.issues, value)
}

function refusal(what: string, path: string | undefined, raw: readonly RawIssue[], value: unknown): TautlineError {
  const issues = boundIssues(raw, value)
  const whose = path === undefined ? what : `${what} of ${path}`
  return new TautlineError('INVALID_ARGUMENT', `${whose} does not fit its schema`, { issues })
}
