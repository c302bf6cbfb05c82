import { TautlineError } from '@tautline/core'
import { CloseCode, meaningOf } from '@tautline/core/wire'

/** How a session ends: what its socket is closed with, and what becomes of its calls. */
export interface Ending {
  readonly code: number
  readonly reason: string
  readonly error: TautlineError
  /** Whether callers are told the error before the socket closes. */
  readonly told?: boolean
}

/** The client said goodbye, or broke the rules: nobody waits for an answer. */
export function leaving(code: number, reason: string): Ending {
  return { code, reason, error: GONE }
}

/** The client is not, or no longer, who it was. */
export function revoked(code: number, reason: string): Ending {
  return { code, reason, error: new TautlineError('UNAUTHENTICATED', reason), told: true }
}

/** The client is away, and its unacknowledged answers have passed what is kept for it. */
export const OVERFLOWED: Ending = {
  code: CloseCode.STATE_LOST,
  reason: 'too much was waiting for this client',
  error: unavailable('too much was waiting for this client'),
}

/** The client has been away for too long, or others needed the room. */
export const NOT_BACK: Ending = {
  code: CloseCode.STATE_LOST,
  reason: 'the client did not come back in time',
  error: unavailable('the client did not come back in time'),
}

/** The client was here, and somebody came back in its name to whom nothing can be sent again. */
export const OUTRUN: Ending = { ...NOT_BACK, code: CloseCode.REPLACED, reason: meaningOf(CloseCode.REPLACED).name }

/** The server leaves, and nothing of the client's is open. */
export const MOVED: Ending = {
  code: CloseCode.DRAINING,
  reason: meaningOf(CloseCode.DRAINING).name,
  error: unavailable('the server is leaving'),
}

/** The server leaves, and what the client has open takes longer than that may take. */
export const CUT_OFF: Ending = { ...MOVED, told: true }

/** Nobody here can say how far it came. */
function unavailable(message: string): TautlineError {
  return new TautlineError('UNAVAILABLE', message, { mayHaveRun: true })
}

/** Made once: most clients say goodbye when nothing of theirs is open. */
const GONE = unavailable('the client is gone')
