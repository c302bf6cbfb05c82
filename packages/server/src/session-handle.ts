import type { CallSession } from '@tautline/core'

/** A client's session, as `onSession` sees it. */
export interface SessionHandle<Context = unknown> extends CallSession {
  /** What `authenticate` returned last. */
  readonly context: Context
  /** Calls `listener` once, when the session is over; at once when it is already. */
  onEnd(listener: () => unknown): void
}

/** A view of a session that may be logged: its secret is not in it. */
export function handleOf(session: SessionHandle): SessionHandle {
  return Object.freeze({
    id: session.id,
    identity: session.identity,
    get address() {
      return session.address
    },
    get context() {
      return session.context
    },
    onEnd: (listener: () => unknown) => session.onEnd(listener),
  })
}
