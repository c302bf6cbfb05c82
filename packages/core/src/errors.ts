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
  /** The text of an error that was given none. */
  readonly message: string
  /**
   * Trying the same call again may help. It says nothing about whether that is *safe*: that is
   * {@link TautlineError.mayHaveRun} together with `idempotent` or an `idempotencyKey`.
   */
  readonly retryable: boolean
}

/** The canonical codes and what they mean. A call that fails without a declared error fails with one of these. */
export const CODES: Readonly<Record<CanonicalCode, CodeInfo>> = Object.freeze({
  INVALID_ARGUMENT: { message: 'the value does not fit its schema', retryable: false },
  UNAUTHENTICATED: { message: 'who you are is not known, or no longer', retryable: false },
  PERMISSION_DENIED: { message: 'this is not allowed', retryable: false },
  NOT_FOUND: { message: 'there is no such thing', retryable: false },
  ALREADY_EXISTS: { message: 'this exists already', retryable: false },
  RESOURCE_EXHAUSTED: { message: 'a limit is reached', retryable: true },
  FAILED_PRECONDITION: { message: 'the present state does not allow this', retryable: false },
  ABORTED: { message: 'another call was in the way', retryable: true },
  CANCELLED: { message: 'the caller lost interest', retryable: false },
  DEADLINE_EXCEEDED: { message: 'no answer in time', retryable: true },
  UNIMPLEMENTED: { message: 'there is no such entry', retryable: false },
  UNAVAILABLE: { message: 'the other side cannot be reached', retryable: true },
  DATA_LOSS: { message: 'messages were lost for good', retryable: false },
  INTERNAL: { message: 'internal error', retryable: false },
  UNKNOWN: { message: 'unknown error', retryable: false },
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
}

/** The map of a FAIL frame (protocol: Frames, 5), and of `error` in SUBSCRIBED and UNSUBSCRIBE. */
export interface WireError {
  readonly code: string
  readonly message: string
  readonly data?: unknown
  readonly incident?: string
  readonly mayHaveRun?: boolean
}

const MAX_CODE = 64
const MAX_MESSAGE = 2_048
const MAX_INCIDENT = 64
const MAX_ISSUES = 11 // the ten of schema.ts and its line that says there were more
const MAX_PATH = 8

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

  /**
   * @param message - for people; the text of {@link CODES} when absent or empty.
   */
  constructor(code: Code, message?: string, options: TautlineErrorOptions<Data> = {}) {
    super(message || defaultMessage(code), 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.data = options.data as Data
    if (options.incident !== undefined) this.incident = options.incident
    if (options.mayHaveRun !== undefined) this.mayHaveRun = options.mayHaveRun
    if (options.issues !== undefined) this.issues = options.issues
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
  const data = error.issues === undefined ? error.data : { issues: error.issues }
  return {
    code: shorten(error.code, MAX_CODE),
    message: shorten(error.message, MAX_MESSAGE),
    ...(data === undefined ? undefined : { data }),
    ...(error.incident === undefined ? undefined : { incident: error.incident }),
    ...(error.mayHaveRun === undefined ? undefined : { mayHaveRun: error.mayHaveRun }),
  }
}

/** The error that such a map says. Never throws: what is missing or not as it should be is replaced, cut or dropped. */
export function fromWire(map: unknown): TautlineError {
  const { code, message, data, incident, mayHaveRun } = isRecord(map) ? map : {}
  const known = typeof code === 'string' && /^[A-Za-z][A-Za-z0-9_]*$/.test(code) && code.length <= MAX_CODE
  const issues = code === 'INVALID_ARGUMENT' && isRecord(data) ? readIssues(data.issues) : undefined
  return new TautlineError(
    known ? code : 'UNKNOWN',
    typeof message === 'string' ? shorten(message, MAX_MESSAGE) : undefined,
    {
      data: issues === undefined ? (data ?? undefined) : undefined,
      incident: typeof incident === 'string' ? shorten(incident, MAX_INCIDENT) : undefined,
      mayHaveRun: typeof mayHaveRun === 'boolean' ? mayHaveRun : undefined,
      issues,
    },
  )
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

function defaultMessage(code: string): string {
  return isCanonicalCode(code) ? CODES[code].message : code
}
