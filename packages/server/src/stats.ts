import type { Dispatcher } from './dispatch.ts'
import type { Sessions } from './sessions.ts'
import type { Calls } from './tally.ts'

/** What a server is doing, at a glance. */
export interface Stats {
  readonly sessions: {
    /** Whose client is there. */
    readonly attached: number
    /** Whose client may still come back. */
    readonly detached: number
    /** Sockets that have no session yet. */
    readonly unauthenticated: number
  }
  /** How many calls, streams and publishes each entry has answered, by outcome: `OK`, or the code of the error. */
  readonly calls: Calls
  /** Calls, streams and publishes whose handlers have not settled. */
  readonly inFlight: number
  /** Subscriptions of all sessions. */
  readonly subscriptions: number
  /** Bytes of all messages so far. */
  readonly bytes: { readonly received: number; readonly sent: number }
  /** Bytes that wait: to be written, and to be acknowledged. */
  readonly queues: { readonly unsentBytes: number; readonly keptBytes: number }
}

/** Counts. It looks at every session, so not for every request. */
export function statsOf(sessions: Sessions, dispatcher: Dispatcher, unauthenticated: number): Stats {
  let [inFlight, subscriptions, unsentBytes, keptBytes] = [0, 0, 0, 0]
  for (const session of sessions) {
    inFlight += session.inflight.calls
    subscriptions += session.subscriptions
    unsentBytes += session.peer.link.unsentBytes
    keptBytes += session.keptBytes
  }
  const { detached, size, traffic } = sessions
  return {
    sessions: { attached: size - detached, detached, unauthenticated },
    calls: dispatcher.calls,
    inFlight,
    subscriptions,
    bytes: traffic,
    queues: { unsentBytes, keptBytes },
  }
}
