import {
  CloseCode,
  type HelloFields,
  meaningOf,
  ProtocolError,
  parseFromClient,
  retryAfterReason,
  type Socket,
} from '@tautline/core/wire'
import type { Arrival } from './arrival.ts'
import type { Credentials } from './auth.ts'
import { Detached } from './detached.ts'
import { sessionBegan, sessionEnded } from './diagnostics.ts'
import { type Ending, leaving, NOT_BACK, OUTRUN } from './endings.ts'
import { guard } from './guard.ts'
import { Session, type SessionParts } from './session.ts'
import { handleOf } from './session-handle.ts'

/** A client with as many sessions as it may have is asked to stay away for so many ms. */
const FULL_MS = 10_000

/** All sessions of a server: who comes, who comes back, and who has waited long enough. */
export class Sessions {
  readonly #parts: SessionParts
  readonly #bySecret = new Map<string, Session>()
  readonly #byIdentity = new Map<string, Set<Session>>()
  readonly #detached: Detached<Session>
  /** Bytes of sessions that are over. */
  #received = 0
  #sent = 0

  constructor(parts: Omit<SessionParts, 'peers' | 'intakes' | 'decisions' | 'onDetached' | 'onOver'>) {
    const { clock, limits } = parts.settings
    const { deadlines } = parts
    this.#parts = {
      ...parts,
      peers: {
        parse: parseFromClient,
        clock,
        deadlines,
        window: limits.window,
        limits: {
          sendBytes: limits.messageBytes,
          receiveBytes: limits.messageBytes,
          replayBytes: limits.replayBytes,
          itemWaterBytes: limits.lowWaterBytes,
          scan: limits,
        },
      },
      intakes: { clock, deadlines, limits },
      // Twice, so that all may be asked about again while handlers of those that were given up have not settled.
      decisions: { calls: 2 * limits.subscriptions, callBytes: Number.POSITIVE_INFINITY },
      onDetached: session => this.#detached.add(session, clock.now()),
      onOver: (session, ending) => this.#forget(session, ending),
    }
    this.#detached = new Detached(limits, session => session.close(NOT_BACK))
  }

  get size(): number {
    return this.#bySecret.size
  }

  /** How many of them wait for their client. */
  get detached(): number {
    return this.#detached.size
  }

  [Symbol.iterator](): IterableIterator<Session> {
    return this.#bySecret.values()
  }

  /** The sessions of an identity. */
  of(identity: string): readonly Session[] {
    return [...(this.#byIdentity.get(identity) ?? [])]
  }

  /** The session that a HELLO names. It proves nothing yet. */
  named(hello: HelloFields): Session | undefined {
    return hello.session && this.#bySecret.get(hello.session[0])
  }

  /**
   * Gives a socket whose client is known to its session, or to a new one: all in one step, so that nothing that another
   * socket brings can come in between.
   */
  welcome(socket: Socket, hello: HelloFields, arrival: Arrival, credentials: Credentials): void {
    if (credentials.lifeMs <= 0) return socket.close(CloseCode.EXPIRED, meaningOf(CloseCode.EXPIRED).name)
    const session = this.named(hello)
    if (session && hello.session && session.identity === credentials.identity) {
      const [, received, attempt] = hello.session
      if (attempt <= session.attempt) return socket.close(CloseCode.REPLACED, meaningOf(CloseCode.REPLACED).name)
      session.attempt = attempt
      if (this.#resume(session, received, socket, arrival, credentials)) return
    }
    this.#open(socket, hello, arrival, credentials)
  }

  /** Looks after all of them, once a second. */
  sweep(now: number, stalled: boolean): void {
    for (const session of this) session.sweep(now, stalled)
    this.#detached.sweep(now, stalled)
  }

  /** Bytes of all sessions that there are and were. */
  get traffic(): { readonly received: number; readonly sent: number } {
    let [received, sent] = [this.#received, this.#sent]
    for (const { peer } of this) {
      received += peer.link.traffic.received
      sent += peer.link.traffic.sent
    }
    return { received, sent }
  }

  /** Returns whether the socket is taken care of; if not, the session is over and its client needs a new one. */
  #resume(session: Session, received: number, socket: Socket, arrival: Arrival, credentials: Credentials): boolean {
    try {
      if (session.peer.link.resumable(received)) {
        this.#detached.delete(session)
        session.resume(socket, received, arrival, credentials)
        return true
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      session.close(leaving(error.code, error.reason))
      socket.close(error.code, error.reason)
      return true
    }
    session.close(OUTRUN)
    return false
  }

  #open(socket: Socket, hello: HelloFields, arrival: Arrival, credentials: Credentials): void {
    const { failures, settings } = this.#parts
    if (!this.#hasRoom(credentials.identity)) return socket.close(CloseCode.OVERLOADED, retryAfterReason(FULL_MS))
    const session = new Session(this.#parts, arrival, credentials)
    session.attempt = hello.session?.[2] ?? 0
    this.#remember(session)
    sessionBegan(session)
    const { onSession } = settings
    if (onSession) guard(failures, 'onSession', () => onSession(handleOf(session)))
    session.begin(socket)
  }

  /** Who has as many sessions as allowed loses one that waits, if any does. */
  #hasRoom(identity: string | undefined): boolean {
    if (identity === undefined) return true
    const { sessionsPerIdentity } = this.#parts.settings.limits
    if ((this.#byIdentity.get(identity)?.size ?? 0) < sessionsPerIdentity) return true
    this.#detached.oldestOf(identity)?.close(NOT_BACK)
    return (this.#byIdentity.get(identity)?.size ?? 0) < sessionsPerIdentity
  }

  #remember(session: Session): void {
    this.#bySecret.set(session.secret, session)
    if (session.identity === undefined) return
    const others = this.#byIdentity.get(session.identity)
    if (others) others.add(session)
    else this.#byIdentity.set(session.identity, new Set([session]))
  }

  #forget(session: Session, ending: Ending): void {
    sessionEnded(session, ending)
    this.#detached.delete(session)
    this.#bySecret.delete(session.secret)
    const { traffic } = session.peer.link
    this.#received += traffic.received
    this.#sent += traffic.sent
    if (session.identity === undefined) return
    const others = this.#byIdentity.get(session.identity)
    others?.delete(session)
    if (others?.size === 0) this.#byIdentity.delete(session.identity)
  }
}
