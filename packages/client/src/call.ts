import {
  type AnyEntry,
  type CallOptions,
  type Part,
  type ProcedureEntry,
  type PublishOptions,
  TautlineError,
  type TopicEntry,
} from '@tautline/core'
import {
  type Call,
  type CallFields,
  type Encoded,
  type EntryName,
  encodeValue,
  headersProblem,
  Longest,
  type Publish,
} from '@tautline/core/wire'
import * as FrameType from '@tautline/core/wire/frame-type'
import { check, refusalOf } from './check.ts'
import { type ClientCall, intercept } from './interceptors.ts'
import type { Settings } from './options.ts'
import { type Again, type Carrier, Request, type RequestParts, type Settled } from './request.ts'

/** The connection as calls, streams and publishes use it. */
export interface Line extends Carrier {
  readonly settings: Settings
}

/** What begins a call, a stream or a publish. */
export interface Beginning
  extends Pick<RequestParts, 'again' | 'opened' | 'cancelled' | 'volatile' | 'inTurn' | 'window'> {
  readonly entry: AnyEntry
  readonly action: ClientCall['action']
  /** The input, or the params of a topic. */
  readonly input: unknown
  readonly options: CallOptions
  readonly timeout: number | undefined
  /** Checks what is sent, and encodes it, once: what the caller does to it afterwards changes nothing. */
  prepare(): readonly Encoded[]
  frame(
    id: number,
    name: EntryName,
    sent: readonly Encoded[],
    timeoutMs: number | undefined,
    headers: Headers | undefined,
  ): Call | Publish
  done(outcome: Settled): void
}

type Headers = Readonly<Record<string, string>>

/** What a frame has beside its body, about, in bytes. */
const ENVELOPE_BYTES = 64
const LONGEST_MS = 3_600_000
/** How long a server lets a procedure take that says nothing else (protocol.md, "Calls"). */
const ASSUMED_MS = 30_000

/** Calls a procedure, now. */
export function call(line: Line, entry: ProcedureEntry, input: unknown, options: CallOptions = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    begin(line, {
      entry,
      action: 'call',
      input,
      options,
      timeout: options.timeout ?? entry.timeout ?? line.settings.timeout,
      prepare: () => encoded(entry, entry.input, input, 'input of'),
      frame: (id, name, [body], timeoutMs, headers) => [
        FrameType.CALL,
        id,
        name,
        body,
        fieldsOf(assumed(entry, timeoutMs) ? undefined : timeoutMs, options.idempotencyKey, headers),
      ],
      again: () => againOf(entry, options),
      done: settle(resolve, reject),
    })
  })
}

/** Publishes on a channel; `params` and `message` are checked already. Resolves with the value of END. */
export function publish(
  line: Line,
  entry: TopicEntry,
  params: unknown,
  message: unknown,
  options: PublishOptions,
): Promise<unknown> {
  const { idempotencyKey: key, volatile } = options
  return new Promise((resolve, reject) => {
    const done = settle(resolve, reject)
    begin(line, {
      entry,
      action: 'publish',
      input: params,
      options,
      timeout: options.timeout ?? line.settings.timeout,
      volatile,
      inTurn: !volatile,
      prepare: () => [encodeValue(params), encodeValue(message)],
      frame: (id, name, [sentParams, body]) => [
        FrameType.PUBLISH,
        id,
        name,
        sentParams,
        body,
        key ? { key } : undefined,
      ],
      // The broker knows the keys of publishes, whichever server asks it.
      again: () => (key === undefined ? 'nowhere' : 'anywhere'),
      done,
    })
  })
}

/** Where a call may be sent again. */
export function againOf(entry: { readonly idempotent?: boolean | undefined }, options: CallOptions): Again {
  if (entry.idempotent) return 'anywhere'
  return options.idempotencyKey === undefined ? 'nowhere' : 'to its outcome'
}

/** Settles a promise as a request was settled. */
export function settle(
  resolve: (value: unknown) => void,
  reject: (error: unknown) => void,
): (outcome: Settled) => void {
  return outcome => (outcome.kind === 'end' ? resolve(outcome.value) : reject(outcome.error))
}

/**
 * Checks, encodes and sends, inside of the interceptors. Nothing is thrown: what is wrong is told to `done`.
 * `undefined` when nothing was begun.
 */
export function begin(line: Line, beginning: Beginning): Request | undefined {
  const { entry, action, input, options, timeout, done } = beginning
  const { interceptors } = line.settings
  let headers = options.headers
  let answered: RequestParts['answered']
  try {
    checkOptions(timeout, options.idempotencyKey)
    const sent = beginning.prepare()
    const request = new Request(line, {
      ...beginning,
      signal: options.signal,
      size: sent.reduce((size, { bytes }) => size + bytes.length, ENVELOPE_BYTES),
      frame: (id, timeoutMs, numbers) =>
        beginning.frame(id, numbers?.get(entry.path) ?? entry.path, sent, timeoutMs, headers),
      answered: interceptors.length > 0 ? outcome => answered?.(outcome) : undefined,
    })
    const submit = (): void => {
      const problem = headers && headersProblem(headers)
      if (problem) request.answer({ kind: 'fail', error: invalid(problem) })
      else line.submit(request)
    }
    if (interceptors.length === 0) submit()
    else {
      const perform = (call: ClientCall): Promise<unknown> =>
        new Promise((resolve, reject) => {
          headers = call.headers
          answered = settle(resolve, reject)
          submit()
        })
      intercept(interceptors, { entry, action, input, headers: headers ?? {}, signal: options.signal }, perform).then(
        value => request.end({ kind: 'end', value }),
        error => request.end({ kind: 'fail', error: TautlineError.from(error) }),
      )
    }
    return request
  } catch (error) {
    done({ kind: 'fail', error: refusalOf(error) })
    return undefined
  }
}

/**
 * What is sent for a value: the value as given.
 *
 * @throws what {@link refusalOf} says in words
 */
export function encoded(entry: AnyEntry, part: Part | undefined, value: unknown, what: string): readonly Encoded[] {
  check(entry, part, value, what)
  return value === undefined ? [] : [encodeValue(value)]
}

function checkOptions(timeout: number | undefined, key: string | undefined): void {
  if (timeout !== undefined && !(Number.isInteger(timeout) && timeout >= 1 && timeout <= LONGEST_MS)) {
    throw invalid(`timeout must be an integer from 1 to ${LONGEST_MS}`)
  }
  if (key !== undefined && !(typeof key === 'string' && key.length > 0 && key.length <= Longest.key)) {
    throw invalid(`idempotencyKey must be a string of 1 to ${Longest.key} characters`)
  }
}

function invalid(message: string): TautlineError {
  return new TautlineError('INVALID_ARGUMENT', message)
}

/** Whether the server keeps to that time by itself. */
function assumed({ timeout }: ProcedureEntry, timeoutMs: number | undefined): boolean {
  return timeout === undefined && timeoutMs === ASSUMED_MS
}

/** The last field of CALL: nothing where there is nothing to say, as with most calls. */
function fieldsOf(
  timeoutMs: number | undefined,
  key: string | undefined,
  headers: Headers | undefined,
): CallFields | undefined {
  return timeoutMs === undefined && key === undefined && headers === undefined ? undefined : { timeoutMs, key, headers }
}
