import {
  type CallOptions,
  type ProcedureEntry,
  type PublishOptions,
  type Source,
  type StreamEntry,
  type StreamOptions,
  TautlineError,
  type TopicEntry,
} from '@tautline/core'
import { FrameType, headersProblem, iteratorOf, type Position, positionText } from '@tautline/core/wire'
import type { Caller } from '../run.ts'
import { LocalExchange } from './exchange.ts'
import type { Host } from './host.ts'

/** Options of a stream, with items up or without. */
export interface AnyStreamOptions extends StreamOptions {
  readonly up?: Source<unknown> | undefined
}

/** No exchange of this process needs a number. */
const NO_ID = 0

/** Calls a procedure. */
export async function call(
  host: Host,
  caller: Caller,
  entry: ProcedureEntry,
  input: unknown,
  options: CallOptions = {},
): Promise<unknown> {
  const exchange = new LocalExchange()
  ask(host, caller, exchange, entry.path, input, options)
  return exchange.result
}

/** Starts a stream. */
export function start(
  host: Host,
  caller: Caller,
  entry: StreamEntry,
  input: unknown,
  { up, ...options }: AnyStreamOptions = {},
): LocalExchange {
  const exchange = new LocalExchange(entry.up ? iteratorOf(up) : undefined)
  ask(host, caller, exchange, entry.path, input, options)
  return exchange
}

/** Publishes as a client does, by its topic's handler. A message always can go: `volatile` changes nothing. */
export async function publish(
  host: Host,
  caller: Caller,
  entry: TopicEntry,
  params: unknown,
  message: unknown,
  options: PublishOptions = {},
): Promise<string | undefined> {
  const { idempotencyKey: key, timeout, signal } = options
  if (timeout !== undefined && !(Number.isInteger(timeout) && timeout >= 1 && timeout <= host.limits.timeoutMs)) {
    throw new TautlineError('INVALID_ARGUMENT', `a timeout must be an integer from 1 to ${host.limits.timeoutMs} (ms)`)
  }
  const exchange = new LocalExchange()
  whileWanted(exchange, signal, () =>
    host.dispatcher.publish(caller, exchange, [FrameType.PUBLISH, NO_ID, entry.path, params, message, { key }], 0),
  )
  const late = () => exchange.abort(new TautlineError('DEADLINE_EXCEEDED', undefined, { mayHaveRun: true }))
  const deadline = timeout === undefined || exchange.over ? undefined : host.deadlines.add(timeout, late)
  try {
    return positionText((await exchange.result) as Position)
  } finally {
    host.deadlines.delete(deadline)
  }
}

function ask(
  { dispatcher }: Host,
  caller: Caller,
  exchange: LocalExchange,
  path: string,
  input: unknown,
  { signal, timeout: timeoutMs, idempotencyKey: key, headers: given }: CallOptions,
): void {
  const problem = given && headersProblem(given)
  if (problem) return exchange.fail(new TautlineError('INVALID_ARGUMENT', problem))
  const headers = given && Object.assign(Object.create(null), given)
  whileWanted(exchange, signal, () =>
    dispatcher.call(caller, exchange, [FrameType.CALL, NO_ID, path, input, { timeoutMs, key, headers }], 0),
  )
}

function whileWanted(exchange: LocalExchange, signal: AbortSignal | undefined, begin: () => void): void {
  if (!signal) return begin()
  if (signal.aborted) return exchange.fail(new TautlineError('CANCELLED', undefined, { mayHaveRun: false }))
  begin()
  if (exchange.over) return
  const cancel = (): void => exchange.cancel()
  const forget = (): void => signal.removeEventListener('abort', cancel)
  signal.addEventListener('abort', cancel)
  exchange.result.then(forget, forget)
}
