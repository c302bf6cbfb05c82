import type { Issue } from './errors.ts'
import { shorten } from './shorten.ts'

/** An issue as a Standard Schema validator reports it. */
export interface RawIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

const MAX_ISSUES = 10
const MAX_BYTES = 2_048
const MAX_DEPTH = 8
const MAX_KEY = 64
const MAX_TEXT = 256
/** Of an encoded issue beside its texts: the names `path` and `message`, and the heads of map, array and strings. */
const OVERHEAD = 32
/** Left free for the line that says how many were cut. */
const RESERVE = 96

const encoder = new TextEncoder()

/**
 * What may be said of a refused value: at most ten issues, 2 KiB of them, paths of at most eight steps, and never the
 * value. Whoever sends 50 kB of bad items must not get 16 MB of complaints, and what they sent must not reach a log.
 * Where issues were left out, one more issue says how many.
 */
export function boundIssues(raw: readonly RawIssue[], root: unknown): readonly Issue[] {
  const issues: Issue[] = []
  let bytes = RESERVE
  for (const issue of raw.slice(0, MAX_ISSUES)) {
    const next = boundIssue(issue, root)
    bytes += sizeOf(next)
    if (bytes > MAX_BYTES) break
    issues.push(next)
  }
  const cut = raw.length - issues.length
  if (cut > 0) issues.push({ path: [], message: `and ${cut} more` })
  return issues
}

function boundIssue({ message, path = [] }: RawIssue, root: unknown): Issue {
  // arktype's paths are a kind of Array that `slice` and `map` would make more of.
  const keys = Array.from(path, segment => (typeof segment === 'object' ? segment.key : segment)).slice(0, MAX_DEPTH)
  const value = keys.reduce<unknown>(childOf, root)
  return { path: keys.map(segmentOf), message: shorten(withoutValue(String(message), value), MAX_TEXT) }
}

function segmentOf(key: PropertyKey): string | number {
  return typeof key === 'number' ? key : shorten(String(key), MAX_KEY)
}

function childOf(value: unknown, key: PropertyKey): unknown {
  if (value instanceof Map) return value.get(key)
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined
}

/**
 * valibot and arktype repeat what they were given: `Expected <=3 but received 42`, `must be an email (was "…")`. What
 * tells no more than a type stays: `expected number, received string`.
 */
const RECEIVED =
  /(?::?,?\s*(?:but )?\breceived\s+|\s*\(was\s+)(?!(?:an? )?(?:string|number|bigint|boolean|symbol|undefined|null|nan|object|array|map|set|date|function)\)?$)[\s\S]*$/i

/** A message written by the schema's author may hold the value too; one or two characters are no secret. */
function withoutValue(message: string, value: unknown): string {
  const text = typeof value === 'string' && value.length > 2 ? message.replaceAll(value, '…') : message
  return text.slice(0, 4 * MAX_TEXT).replace(RECEIVED, '')
}

function sizeOf({ path, message }: Issue): number {
  return (
    path.reduce<number>((sum, key) => sum + encoder.encode(String(key)).length + 5, OVERHEAD) +
    encoder.encode(message).length
  )
}
