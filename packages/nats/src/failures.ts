import { JetStreamApiError } from '@nats-io/jetstream'
import { errors } from '@nats-io/transport-node'
import { TautlineError } from '@tautline/core'

/** The engine says: the newest message of this subject is another one than you think, or soon will be. */
const WRONG_LAST_SEQUENCE = [10_071, 10_164]
const STREAM_NOT_FOUND = 10_059

/** Nothing was sent. */
export function notSent(why: string, cause?: unknown): TautlineError {
  return new TautlineError('UNAVAILABLE', why, { mayHaveRun: false, ...(cause === undefined ? {} : { cause }) })
}

/** What was sent failed: unless the engine says that it did nothing, it may have been done. */
export function failed(cause: unknown): TautlineError {
  if (cause instanceof TautlineError) return cause
  return new TautlineError('UNAVAILABLE', 'NATS did not do it', { mayHaveRun: !isRefusal(cause), cause })
}

/** The engine did not answer: nothing was stored. */
export function unanswered(error: unknown): unknown {
  return error instanceof TautlineError ? error : notSent('NATS does not answer', error)
}

/** Whether the engine, or the lack of one, says that nothing was done. */
export function isRefusal(error: unknown): boolean {
  return error instanceof JetStreamApiError || isNobody(error)
}

/** Whether somebody else has stored something meanwhile. */
export function isConflict(error: unknown): boolean {
  return error instanceof JetStreamApiError && WRONG_LAST_SEQUENCE.includes(error.code)
}

/** Whether the stream is not there, or nobody answers for it. */
export function isStreamGone(error: unknown): boolean {
  return isNobody(error) || (error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND)
}

/** Whether nobody listens where it was sent to. */
function isNobody(error: unknown): boolean {
  if (error instanceof errors.RequestError && error.isNoResponders()) return true
  return error instanceof Error && error.cause !== undefined && isNobody(error.cause)
}

/** For what fails and is told of elsewhere: by a connection's end, or by the next that is asked. */
export function ignore(): void {}
