import { type CallSession, TautlineError } from '@tautline/core'
import {
  type Call,
  CloseCode,
  type Deadlines,
  type Exchange,
  type Frame,
  FrameType,
  meaningOf,
  Peer,
  type PeerEvents,
  type PeerOptions,
  ProtocolError,
  type Publish,
  reasonOf,
  type Socket,
} from '@tautline/core/wire'
import { nanoid } from 'nanoid'
import type { Arrival } from './arrival.ts'
import type { Authenticator, Credentials } from './auth.ts'
import type { Dispatcher } from './dispatch.ts'
import { type Ending, leaving, OVERFLOWED, revoked } from './endings.ts'
import type { Failures } from './failures.ts'
import { guard } from './guard.ts'
import type { Hub } from './hub.ts'
import { InFlight, type InFlightLimits } from './inflight.ts'
import { Intake, type IntakeParts } from './intake.ts'
import { Liveness } from './liveness.ts'
import type { Settings } from './options.ts'
import { Refresh } from './refresh.ts'
import type { Caller } from './run.ts'
import type { SessionHandle } from './session-handle.ts'
import { Subscriptions } from './subscriptions.ts'
import { TokenLife } from './token-life.ts'
import type { Welcomes } from './welcome.ts'

/** What all sessions of a server share. */
export interface SessionParts {
  readonly settings: Settings
  readonly welcomes: Welcomes
  readonly deadlines: Deadlines
  readonly dispatcher: Dispatcher
  readonly hub: Hub
  readonly authenticator: Authenticator
  readonly failures: Failures
  /** How all peers are made. */
  readonly peers: PeerOptions
  /** How all intakes are made. */
  readonly intakes: IntakeParts
  /** How many subscriptions of a session may be decided about at a time. */
  readonly decisions: InFlightLimits
  /** A session has lost its socket and waits for its client. */
  onDetached(session: Session): void
  /** A session is over. */
  onOver(session: Session, ending: Ending): void
}

/** Detached: its socket is gone, and its client may come back. */
type State = 'attached' | 'detached' | 'over'

/**
 * One client, for as long as it is known: sockets come and go under it. Most are idle most of the time, so that whatever
 * not every client needs is made when it is asked for.
 */
export class Session implements Caller, SessionHandle, PeerEvents {
  /** The name by which its client resumes it: 126 random bits that nobody else learns. */
  readonly secret = nanoid()
  /** The name that everybody may know. */
  readonly id = nanoid()
  readonly identity: string | undefined
  readonly peer: Peer
  readonly inflight: InFlight
  context: unknown
  /** The attempt of the last HELLO that was accepted. */
  attempt = 0
  readonly #parts: SessionParts
  readonly #intake: Intake
  readonly #liveness: Liveness
  #life: TokenLife | undefined
  #refresh: Refresh | undefined
  #deciding: InFlight | undefined
  #subscriptions: Subscriptions | undefined
  #seen: CallSession | undefined
  #arrival: Arrival
  #state: State = 'detached'
  #endListeners: (() => unknown)[] | undefined

  constructor(parts: SessionParts, arrival: Arrival, credentials: Credentials) {
    const { limits } = parts.settings
    this.#parts = parts
    this.#arrival = arrival
    this.identity = credentials.identity
    this.peer = new Peer(parts.peers, this)
    const { link } = this.peer
    this.#intake = new Intake(parts.intakes, link)
    this.#liveness = new Liveness(link, this.#intake, limits)
    this.inflight = new InFlight(limits, link)
    parts.hub.owned.begin(this.id)
    this.#know(credentials)
  }

  /** The session as its calls see it. */
  get session(): CallSession {
    this.#seen ??= { id: this.id, identity: this.identity, address: this.address }
    return this.#seen
  }

  get address(): string | undefined {
    return this.#arrival.address
  }

  /** Slots of the handlers that decide about subscriptions. */
  get deciding(): InFlight {
    this.#deciding ??= new InFlight(this.#parts.decisions, undefined, 'decisions about subscriptions')
    return this.#deciding
  }

  /** Subscriptions that it has, with those that are being decided. */
  get subscriptions(): number {
    return this.#subscriptions?.size ?? 0
  }

  get attached(): boolean {
    return this.#state === 'attached'
  }

  get over(): boolean {
    return this.#state === 'over'
  }

  /** Whether handlers of it have not settled. */
  get busy(): boolean {
    return this.inflight.calls > 0
  }

  /** Bytes that it keeps for replay. */
  get keptBytes(): number {
    return this.peer.link.keptBytes
  }

  /** Calls `listener` once when the session is over; at once when it is already. */
  onEnd(listener: () => unknown): void {
    if (this.over) guard(this.#parts.failures, 'onEnd', listener)
    else if (this.#endListeners) this.#endListeners.push(listener)
    else this.#endListeners = [listener]
  }

  /** Takes its first socket. */
  begin(socket: Socket): void {
    this.#attach(socket, 0, false)
  }

  /** Takes the next socket, and cuts off the one before: what still arrives there is neither read nor counted. */
  resume(socket: Socket, received: number, arrival: Arrival, credentials: Credentials): void {
    const { link } = this.peer
    const silentMs = this.#parts.settings.clock.now() - link.heardAt
    const older = link.detach()
    if (older) {
      this.#subscriptions?.detached()
      this.#intake.detached()
      older.close(CloseCode.REPLACED, meaningOf(CloseCode.REPLACED).name)
    }
    this.#intake.forgive(silentMs)
    this.#arrival = arrival
    this.#seen = undefined
    this.#know(credentials)
    this.#attach(socket, received, true)
  }

  /** Asks the client to leave: to work as usual for `inMs`, then to finish what is open within `graceMs`. */
  drain(inMs: number, graceMs: number): void {
    this.peer.send([FrameType.DRAIN, { inMs, graceMs }])
  }

  /** Has the topics' handlers asked again about every subscription. */
  async recheck(): Promise<void> {
    await this.#subscriptions?.recheck()
  }

  /** Closes the socket; the client may come back and go on. */
  drop(code: number, reason = meaningOf(code).name): void {
    const socket = this.peer.link.detach()
    if (!socket) return
    this.#detached()
    socket.close(code, reasonOf(reason))
  }

  /** The one way down. */
  close(ending: Ending): void {
    if (this.over) return
    const { code, reason, error, told = false } = ending
    this.#state = 'over'
    if (told) this.peer.abort(error)
    const socket = this.peer.link.detach()
    this.peer.lose(error)
    this.#subscriptions?.close()
    this.#parts.hub.owned.end(this.id)
    this.#intake.close()
    socket?.close(code, reasonOf(reason))
    this.#parts.onOver(this, ending)
    const listeners = this.#endListeners
    this.#endListeners = undefined
    for (const listener of listeners ?? []) guard(this.#parts.failures, 'onEnd', listener)
  }

  /** Looks after the session, once a second. */
  sweep(now: number, stalled: boolean): void {
    this.#judgeToken(now)
    if (!this.attached) return
    const found = this.#liveness.judge(now, stalled)
    if (found === 'silent') this.peer.send([FrameType.PING])
    else if (found !== 'well') this.drop(found)
  }

  #attach(socket: Socket, received: number, resumed: boolean): void {
    this.#state = 'attached'
    this.#liveness.begin()
    const { link } = this.peer
    const { secret, id } = this
    link.attach(socket, received, this.#parts.welcomes.of({ secret, id, resumed, received: link.received }))
    this.#subscriptions?.attached()
  }

  #know({ context, lifeMs }: Credentials): void {
    const { clock, limits } = this.#parts.settings
    this.context = context
    if (lifeMs !== Number.POSITIVE_INFINITY) this.#life ??= new TokenLife(limits.tokenMs)
    this.#life?.begin(clock.now(), lifeMs)
  }

  arrived(type: number): void {
    // A token may have every subscription asked about again.
    if (type === FrameType.TOKEN) this.#intake.take(1 + this.subscriptions)
    else this.#intake.take(WORK.has(type) ? 1 : SMALL)
  }

  opened(exchange: Exchange, frame: Call | Publish, size: number): void {
    const { dispatcher } = this.#parts
    if (frame[0] === FrameType.CALL) dispatcher.call(this, exchange, frame, size)
    else dispatcher.publish(this, exchange, frame, size)
  }

  frame(frame: Frame): void {
    switch (frame[0]) {
      case FrameType.SUBSCRIBE:
      case FrameType.UNSUBSCRIBE:
        return this.#subscribing().receive(frame)
      case FrameType.TOKEN:
        this.#refresh ??= new Refresh(token => this.#look(token))
        return this.#refresh.bring(frame[1])
      default:
        throw new ProtocolError('only the first message is HELLO')
    }
  }

  broken({ code, reason }: ProtocolError): void {
    if (meaningOf(code).endsSession) this.close(leaving(code, reason))
    else this.drop(code, reason)
  }

  closed(code: number, reason: string): void {
    const done = code === CloseCode.GOING_AWAY || meaningOf(code).endsSession
    if (done) this.close(leaving(code, reason))
    else this.#detached()
  }

  #detached(): void {
    this.#state = 'detached'
    this.#subscriptions?.detached()
    this.#intake.detached()
    this.#parts.onDetached(this)
  }

  room(): void {
    this.#intake.room()
    this.#subscriptions?.room()
  }

  overflowed(): void {
    this.close(OVERFLOWED)
  }

  #subscribing(): Subscriptions {
    if (this.#subscriptions) return this.#subscriptions
    const { hub, deadlines, dispatcher, failures, settings } = this.#parts
    this.#subscriptions = new Subscriptions({
      hub,
      link: this.peer.link,
      limits: settings.limits,
      deadlines,
      deciding: this.deciding,
      patient: true,
      publicId: this.id,
      admit: (path, params, signal) => dispatcher.admit(this, path, params, signal),
      internal: (error, path) => failures.internal(error, path),
    })
    this.#subscriptions.attached()
    return this.#subscriptions
  }

  #judgeToken(now: number): void {
    const state = this.#life?.judge(now)
    if (state === 'due') this.peer.send([FrameType.TOKEN])
    if (state !== 'expired') return
    this.peer.abort(new TautlineError('UNAUTHENTICATED', 'the token has expired'))
    this.drop(CloseCode.EXPIRED)
  }

  async #look(token: string | undefined): Promise<void> {
    const arrival = this.#arrival
    const verdict = await this.#parts.authenticator.ask(token, arrival, this.context)
    // Who resumed meanwhile has shown a token that is newer than this one.
    if (this.over || arrival !== this.#arrival) return
    if (verdict.kind === 'known') this.#refreshed(verdict.credentials)
    else if (meaningOf(verdict.code).endsSession) this.close(revoked(verdict.code, verdict.reason))
  }

  #refreshed(credentials: Credentials): void {
    if (credentials.identity !== this.identity) return this.close(revoked(CloseCode.EXPIRED, 'another identity'))
    this.#know(credentials)
    void this.#subscriptions?.recheck()
  }
}

/** What a frame counts that asks for no work, so that nobody can send millions of them. */
const SMALL = 0.1

/** What counts against a session's rate in full. */
const WORK = new Set<number>([FrameType.CALL, FrameType.ITEM, FrameType.SUBSCRIBE, FrameType.PUBLISH, FrameType.PING])
