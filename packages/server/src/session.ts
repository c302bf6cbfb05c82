import { type CallSession, TautlineError } from '@tautline/core'
import {
  type Call,
  CloseCode,
  type Deadlines,
  type Exchange,
  type Frame,
  FrameType,
  Inlet,
  meaningOf,
  Peer,
  ProtocolError,
  type Publish,
  parseFromClient,
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
import { InFlight } from './inflight.ts'
import { Intake } from './intake.ts'
import { Liveness } from './liveness.ts'
import { Refresh } from './refresh.ts'
import type { Caller } from './run.ts'
import type { SessionHandle } from './session-handle.ts'
import { Subscriptions } from './subscriptions.ts'
import { TokenLife } from './token-life.ts'
import { type WelcomeParts, welcomeOf } from './welcome.ts'

/** What all sessions of a server share. */
export interface SessionParts extends WelcomeParts {
  readonly deadlines: Deadlines
  readonly dispatcher: Dispatcher
  readonly hub: Hub
  readonly authenticator: Authenticator
  readonly failures: Failures
  /** A session has lost its socket and waits for its client. */
  onDetached(session: Session): void
  /** A session is over. */
  onOver(session: Session): void
}

/** Detached: its socket is gone, and its client may come back. */
type State = 'attached' | 'detached' | 'over'

/** One client, for as long as it is known: sockets come and go under it. */
export class Session implements Caller, SessionHandle {
  /** The name by which its client resumes it: 126 random bits that nobody else learns. */
  readonly secret = nanoid()
  /** The name that everybody may know. */
  readonly id = nanoid()
  readonly identity: string | undefined
  readonly peer: Peer
  readonly inflight: InFlight
  readonly deciding: InFlight
  readonly subscriptions: Subscriptions
  /** The session as its calls see it. */
  session: CallSession
  context: unknown
  /** The attempt of the last HELLO that was accepted. */
  attempt = 0
  readonly #parts: SessionParts
  readonly #intake: Intake
  readonly #liveness: Liveness
  readonly #life: TokenLife
  readonly #refresh = new Refresh(token => this.#look(token))
  #arrival: Arrival
  #state: State = 'detached'
  #endListeners: (() => unknown)[] = []

  constructor(parts: SessionParts, arrival: Arrival, credentials: Credentials) {
    const { settings, deadlines, dispatcher, hub } = parts
    const { clock, limits } = settings
    this.#parts = parts
    this.#arrival = arrival
    this.identity = credentials.identity
    this.session = { id: this.id, identity: this.identity, address: arrival.address }
    const inlet = new Inlet(limits.messageBytes)
    this.peer = new Peer({
      parse: parseFromClient,
      inlet,
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
      events: {
        arrived: type => this.#arrived(type),
        opened: (exchange, frame, size) => this.#opened(exchange, frame, size),
        frame: frame => this.#receive(frame),
        broken: error => this.#broken(error),
        closed: (code, reason) => this.#closed(code, reason),
        room: () => this.#room(),
        overflowed: () => this.close(OVERFLOWED),
      },
    })
    const { link } = this.peer
    this.#intake = new Intake({ link, inlet, clock, deadlines, limits, overdrawn: () => this.drop(CloseCode.RATE) })
    this.#liveness = new Liveness(link, this.#intake, limits)
    this.#life = new TokenLife(limits.tokenMs)
    this.inflight = new InFlight(limits, () => link.unsentBytes)
    // Twice, so that all may be asked about again while handlers of those that were given up have not settled.
    const decisions = { calls: 2 * limits.subscriptions, callBytes: Number.POSITIVE_INFINITY }
    this.deciding = new InFlight(decisions, undefined, 'decisions about subscriptions')
    this.subscriptions = new Subscriptions({
      hub,
      link,
      limits,
      deadlines,
      deciding: this.deciding,
      publicId: this.id,
      admit: (path, params, signal) => dispatcher.admit(this, path, params, signal),
      internal: (error, path) => parts.failures.internal(error, path),
    })
    this.#know(credentials)
  }

  get address(): string | undefined {
    return this.session.address
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
    else this.#endListeners.push(listener)
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
      this.subscriptions.detached()
      this.#intake.detached()
      older.close(CloseCode.REPLACED, meaningOf(CloseCode.REPLACED).name)
    }
    this.#intake.forgive(silentMs)
    this.#arrival = arrival
    this.session = { ...this.session, address: arrival.address }
    this.#know(credentials)
    this.#attach(socket, received, true)
  }

  /** Asks the client to leave: to work as usual for `inMs`, then to finish what is open within `graceMs`. */
  drain(inMs: number, graceMs: number): void {
    this.peer.send([FrameType.DRAIN, { inMs, graceMs }])
  }

  /** Has the topics' handlers asked again about every subscription. */
  recheck(): Promise<void> {
    return this.subscriptions.recheck()
  }

  /** Closes the socket; the client may come back and go on. */
  drop(code: number, reason = meaningOf(code).name): void {
    const socket = this.peer.link.detach()
    if (!socket) return
    this.#detached()
    socket.close(code, reasonOf(reason))
  }

  /** The one way down. */
  close({ code, reason, error, told = false }: Ending): void {
    if (this.over) return
    this.#state = 'over'
    if (told) this.peer.abort(error)
    const socket = this.peer.link.detach()
    this.peer.lose(error)
    this.subscriptions.close()
    this.#intake.close()
    socket?.close(code, reasonOf(reason))
    this.#parts.onOver(this)
    const listeners = this.#endListeners
    this.#endListeners = []
    for (const listener of listeners) guard(this.#parts.failures, 'onEnd', listener)
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
    link.attach(socket, received, welcomeOf(this.#parts, { secret, id, resumed, received: link.received }))
    this.subscriptions.attached()
  }

  #know({ context, lifeMs }: Credentials): void {
    this.context = context
    this.#life.begin(this.#parts.settings.clock.now(), lifeMs)
  }

  #arrived(type: number): void {
    // A token may have every subscription asked about again.
    if (type === FrameType.TOKEN) this.#intake.take(1 + this.subscriptions.size)
    else this.#intake.take(WORK.has(type) ? 1 : SMALL)
  }

  #opened(exchange: Exchange, frame: Call | Publish, size: number): void {
    const { dispatcher } = this.#parts
    if (frame[0] === FrameType.CALL) dispatcher.call(this, exchange, frame, size)
    else dispatcher.publish(this, exchange, frame, size)
  }

  #receive(frame: Frame): void {
    switch (frame[0]) {
      case FrameType.SUBSCRIBE:
      case FrameType.UNSUBSCRIBE:
        return this.subscriptions.receive(frame)
      case FrameType.TOKEN:
        return this.#refresh.bring(frame[1])
      default:
        throw new ProtocolError('only the first message is HELLO')
    }
  }

  #broken({ code, reason }: ProtocolError): void {
    if (meaningOf(code).endsSession) this.close(leaving(code, reason))
    else this.drop(code, reason)
  }

  #closed(code: number, reason: string): void {
    const done = code === CloseCode.GOING_AWAY || meaningOf(code).endsSession
    if (done) this.close(leaving(code, reason))
    else this.#detached()
  }

  #detached(): void {
    this.#state = 'detached'
    this.subscriptions.detached()
    this.#intake.detached()
    this.#parts.onDetached(this)
  }

  #room(): void {
    this.#intake.room()
    this.subscriptions.room()
  }

  #judgeToken(now: number): void {
    const state = this.#life.judge(now)
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
    void this.subscriptions.recheck()
  }
}

/** What a frame counts that asks for no work, so that nobody can send millions of them. */
const SMALL = 0.1

/** What counts against a session's rate in full. */
const WORK = new Set<number>([FrameType.CALL, FrameType.ITEM, FrameType.SUBSCRIBE, FrameType.PUBLISH, FrameType.PING])
