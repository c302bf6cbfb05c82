import { shorten } from './shorten.ts'

/** The codes with which any call may fail: a closed union, so that `error.code === '…'` narrows. */
export type CanonicalCode =
  | 'INVALID_ARGUMENT'
  | 'UNAUTHENTICATED'
  | 'PERMISSION_DENIED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'CANCELLED'
  | 'DEADLINE_EXCEEDED'
  | 'UNIMPLEMENTED'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'
  | 'INTERNAL'
  | 'UNKNOWN'

/** What is known of a canonical code, whoever raised it. */
export interface CodeInfo {
  /**
   * Trying the same call again may help. It says nothing about whether that is *safe*: that is
   * {@link TautlineError.mayHaveRun} together with `idempotent` or an `idempotencyKey`.
   */
  readonly retryable: boolean
}

const FINAL: CodeInfo = Object.freeze({ retryable: false })
const RETRYABLE: CodeInfo = Object.freeze({ retryable: true })

/** The canonical codes and what they mean. A call that fails without a declared error fails with one of these. */
export const CODES: Readonly<Record<CanonicalCode, CodeInfo>> = Object.freeze({
  INVALID_ARGUMENT: FINAL,
  UNAUTHENTICATED: FINAL,
  PERMISSION_DENIED: FINAL,
  NOT_FOUND: FINAL,
  ALREADY_EXISTS: FINAL,
  RESOURCE_EXHAUSTED: RETRYABLE,
  FAILED_PRECONDITION: FINAL,
  ABORTED: RETRYABLE,
  CANCELLED: FINAL,
  DEADLINE_EXCEEDED: RETRYABLE,
  UNIMPLEMENTED: FINAL,
  UNAVAILABLE: RETRYABLE,
  DATA_LOSS: FINAL,
  INTERNAL: FINAL,
  UNKNOWN: FINAL,
})

/** Says whether `code` is one of {@link CODES}. */
export function isCanonicalCode(code: string): code is CanonicalCode {
  return Object.hasOwn(CODES, code)
}

/** One thing that is wrong with a value. Paths and reasons only, never the value itself. */
export interface Issue {
  /** From the value's root to what is wrong: property names and array indexes. */
  readonly path: readonly (string | number)[]
  readonly message: string
}

/** What a {@link TautlineError} may carry beside its code. */
export interface TautlineErrorOptions<Data = unknown> {
  /** The data of a declared error. */
  readonly data?: Data | undefined
  /** What led to this error. It stays in this process. */
  readonly cause?: unknown
  /** The id under which the server told `onError` what really happened. */
  readonly incident?: string | undefined
  /** Whether the request may have reached a handler: see {@link TautlineError.mayHaveRun}. */
  readonly mayHaveRun?: boolean | undefined
  /** What is wrong with the value, for `INVALID_ARGUMENT`. */
  readonly issues?: readonly Issue[] | undefined
  /** When it is worth trying again, for `RESOURCE_EXHAUSTED`, in ms from now. */
  readonly retryAfterMs?: number | undefined
}

/** The map of a FAIL frame (protocol: Frames, 5), and of `error` in SUBSCRIBED and UNSUBSCRIBE. */
export interface WireError {
  readonly code: string
  readonly message: string
  readonly data?: unknown
  readonly incident?: string | undefined
  readonly mayHaveRun?: boolean | undefined
}

const MAX_CODE = 64
const MAX_MESSAGE = 2_048
const MAX_INCIDENT = 64
const MAX_ISSUES = 11 // the ten of schema.ts and its line that says there were more
const MAX_PATH = 8
const MAX_DELAY = 2_147_483_647 // no timer waits longer

/**
 * The one error of Tautline: what a handler throws on purpose, and what every failed call rejects with.
 * `code` is a code that the contract declares, or one of {@link CODES}.
 */
export class TautlineError<Code extends string = string, Data = unknown> extends Error {
  override readonly name = 'TautlineError'
  /** A code that the contract declares, or a {@link CanonicalCode}. */
  readonly code: Code
  /** What the contract declares for this code; `undefined` when it declares no data. */
  readonly data: Data
  /** With `INTERNAL`: the id under which the server's `onError` has the real error. */
  declare readonly incident?: string
  /**
   * With `UNAVAILABLE`, `DEADLINE_EXCEEDED` and `CANCELLED`: whether the request may have reached a handler.
   * `false` is a promise that it did not.
   */
  declare readonly mayHaveRun?: boolean
  /** With `INVALID_ARGUMENT`: what is wrong with the value, at most ten issues. */
  declare readonly issues?: readonly Issue[]
  /** With `RESOURCE_EXHAUSTED`, where it is known: in how many ms it is worth trying again. */
  declare readonly retryAfterMs?: number

  /**
   * @param message - for people; the code, a canonical one in plain words, when absent or empty.
   */
  constructor(code: Code, message?: string, options: TautlineErrorOptions<Data> = {}) {
    super(message || defaultMessage(code), 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.data = options.data as Data
    if (options.incident !== undefined) this.incident = options.incident
    if (options.mayHaveRun !== undefined) this.mayHaveRun = options.mayHaveRun
    if (options.issues !== undefined) this.issues = options.issues
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs
  }

  /**
   * The one funnel for whatever was thrown: a `TautlineError` comes back as it is, anything else as an `INTERNAL` that
   * says nothing and keeps it as `cause`.
   */
  static from(thrown: unknown): TautlineError {
    return thrown instanceof TautlineError ? thrown : new TautlineError('INTERNAL', undefined, { cause: thrown })
  }
}

/** The map that says this error to the other side. `cause` and `stack` are not in it. */
export function toWire(error: TautlineError): WireError {
  const { code, message, incident, mayHaveRun } = error
  return {
    code: shorten(code, MAX_CODE),
    message: shorten(message, MAX_MESSAGE),
    data: dataOf(error),
    incident,
    mayHaveRun,
  }
}

function dataOf({ data, issues, retryAfterMs }: TautlineError): unknown {
  if (issues !== undefined) return { issues }
  return retryAfterMs === undefined ? data : { retryAfterMs }
}

/** The error that such a map says. Never throws: what is missing or not as it should be is replaced, cut or dropped. */
export function fromWire(map: unknown): TautlineError {
  const { code, message, data, incident, mayHaveRun } = isRecord(map) ? map : {}
  const known = typeof code === 'string' && /^[A-Za-z][A-Za-z0-9_]*$/.test(code) && code.length <= MAX_CODE
  const issues = code === 'INVALID_ARGUMENT' && isRecord(data) ? readIssues(data.issues) : undefined
  const retryAfterMs = code === 'RESOURCE_EXHAUSTED' && isRecord(data) ? readDelay(data.retryAfterMs) : undefined
  return new TautlineError(
    known ? code : 'UNKNOWN',
    typeof message === 'string' ? shorten(message, MAX_MESSAGE) : undefined,
    {
      data: issues === undefined && retryAfterMs === undefined ? (data ?? undefined) : undefined,
      incident: typeof incident === 'string' ? shorten(incident, MAX_INCIDENT) : undefined,
      mayHaveRun: typeof mayHaveRun === 'boolean' ? mayHaveRun : undefined,
      issues,
      retryAfterMs,
    },
  )
}

function readDelay(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value <= MAX_DELAY ? value : undefined
}

function readIssues(value: unknown): Issue[] | undefined {
  if (!Array.isArray(value)) return undefined
  return value.slice(0, MAX_ISSUES).map((issue: unknown) => {
    const { path, message } = isRecord(issue) ? issue : {}
    return {
      path: Array.isArray(path) ? path.slice(0, MAX_PATH).filter(isPathSegment) : [],
      message: typeof message === 'string' ? shorten(message, MAX_MESSAGE) : '',
    }
  })
}

function isPathSegment(segment: unknown): segment is string | number {
  return typeof segment === 'string' || typeof segment === 'number'
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** `'not found'`, and a declared code as it is. */
function defaultMessage(code: string): string {
  return isCanonicalCode(code) ? code.toLowerCase().replaceAll('_', ' ') : code
}
