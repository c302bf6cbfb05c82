import { type AnyEntry, isCanonicalCode, parse, type Schema, TautlineError } from '@tautline/core'
import { nanoid } from 'nanoid'
import { isThenable } from './thenable.ts'

/** Told of every error that no caller may see, under the incident that the caller is told. */
export type OnError = (error: unknown, info: { readonly incident: string; readonly entry: string }) => unknown

/** An error that nobody asked for must not vanish: Node prints warnings, and processes may listen for them. */
export const warn: OnError = (error, { incident, entry }) => {
  const warning = new Error(`${entry}, incident ${incident}: ${error instanceof Error ? error.stack : error}`)
  warning.name = 'TautlineWarning'
  globalThis.process?.emitWarning(warning)
}

/** Codes that say whether the request may have reached a handler. */
const SAYS_MAY_HAVE_RUN = new Set<string>(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'CANCELLED'])

/** What becomes of whatever user code throws: nothing leaves the server but what the contract allows. */
export class Failures {
  readonly #onError: OnError
  readonly #final = new WeakSet<object>()

  constructor(onError: OnError) {
    this.#onError = onError
  }

  /**
   * What the caller is told: a declared error with its data checked, a canonical one without any, and an incident for
   * everything else. Never rejects.
   *
   * @param begun - whether a handler may have begun.
   */
  async of(thrown: unknown, entry: AnyEntry, begun: boolean): Promise<TautlineError> {
    if (!(thrown instanceof TautlineError)) return this.internal(thrown, entry.path)
    if (this.#final.has(thrown)) return thrown
    // Whoever says so, it is for this server's `onError` to know why.
    if (thrown.code === 'INTERNAL') return this.internal(thrown, entry.path)
    const schema = declared(entry, thrown.code)
    if (schema === undefined) {
      return isCanonicalCode(thrown.code) ? canonical(thrown, begun) : this.internal(thrown, entry.path)
    }
    try {
      const data = schema === null ? undefined : await parse(schema, thrown.data, 'data')
      return new TautlineError(thrown.code, thrown.message, { data, cause: thrown })
    } catch (misfit) {
      return this.internal(new TypeError(`the data of ${thrown.code} does not fit`, { cause: misfit }), entry.path)
    }
  }

  /** Marks an error that is what a caller is told, so that its data is not transformed twice. */
  final<Thrown>(error: Thrown): Thrown {
    if (error instanceof TautlineError) this.#final.add(error)
    return error
  }

  /** What the caller is told of something that is not its business. */
  internal(error: unknown, entry: string): TautlineError {
    return new TautlineError('INTERNAL', undefined, { incident: this.report(error, entry), cause: error })
  }

  /** Tells `onError` and returns the incident. */
  report(error: unknown, entry: string): string {
    const incident = nanoid()
    try {
      const told = this.#onError(error, { incident, entry })
      if (isThenable(told)) told.then(undefined, () => undefined)
    } catch {
      // An error handler that fails has nobody left to tell.
    }
    return incident
  }

  /** Something was thrown after the answer: told to `onError`, unless it is how the handler obeyed its signal. */
  late(thrown: unknown, entry: string): void {
    if (thrown instanceof TautlineError || isAbort(thrown)) return
    this.report(thrown, entry)
  }
}

/** The schema of a declared code's data, `null` for a code without data, `undefined` for a code that is not declared. */
function declared(entry: AnyEntry, code: string): Schema | null | undefined {
  const errors = entry.kind === 'topic' ? undefined : entry.errors
  return errors !== undefined && Object.hasOwn(errors, code) ? (errors[code] as Schema | null) : undefined
}

/** Whatever another server said about its handlers, this one's caller asks about this one's. */
function canonical(error: TautlineError, begun: boolean): TautlineError {
  const mayHaveRun = SAYS_MAY_HAVE_RUN.has(error.code) ? begun : undefined
  if (error.data === undefined && error.mayHaveRun === mayHaveRun) return error
  const { code, message, incident, issues, retryAfterMs } = error
  return new TautlineError(code, message, { incident, issues, retryAfterMs, mayHaveRun, cause: error })
}

function isAbort(thrown: unknown): boolean {
  return typeof thrown === 'object' && thrown !== null && 'name' in thrown && thrown.name === 'AbortError'
}
