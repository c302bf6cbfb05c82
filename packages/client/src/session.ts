import { TautlineError } from '@tautline/core'
import {
  type Clock,
  type Frame,
  Heartbeat,
  Peer,
  ProtocolError,
  parseFromServer,
  SCAN_LIMITS,
  type Socket,
  type Timers,
  type WelcomeFields,
} from '@tautline/core/wire'
import * as CloseCode from '@tautline/core/wire/close-code'
import * as FrameType from '@tautline/core/wire/frame-type'
import type { ClientLimits } from './options.ts'
import type { Numbers, Request, Why } from './request.ts'

/** Unsent bytes above which stream items wait, so that calls and heartbeats are not stuck behind them. */
const ITEM_WATER_BYTES = 262_144
/** Unsent bytes above which a volatile message is not worth sending. */
const VOLATILE_WATER_BYTES = 16_384
/** What a server may send however little it announces. */
const LEAST_MESSAGE_BYTES = 1_048_576

/** Silence before the server is asked, and the time to answer, in ms; with a call pending, and without. */
const PENDING_MS = 5_000
const ANSWER_MS = 10_000
const LONGEST_PATIENCE_MS = 300_000

/** What a session tells the connection. */
export interface SessionEvents {
  /** A frame for the connection or its topics. */
  frame(session: Session, frame: Frame, size: number): void
  /** Its socket is gone. */
  closed(session: Session, code: number, reason: string): void
  /** There may be room for more. */
  room(session: Session): unknown
  /** It cannot be resumed any more. */
  overflowed(session: Session): unknown
  /** How long a PING took to be answered, in ms. */
  latency(ms: number): void
}

/** How a session is made. */
export interface SessionOptions {
  readonly welcome: WelcomeFields
  /** What the server calls entries beside their paths. */
  readonly numbers: Numbers | undefined
  readonly limits: ClientLimits
  readonly clock: Clock
  readonly deadlines: Timers
  readonly events: SessionEvents
}

/** One session with a server: its peer, the requests on their way, and what WELCOME said. It outlives its sockets. */
export class Session {
  readonly peer: Peer
  /** In the order in which they left. */
  readonly requests = new Set<Request>()
  readonly #clock: Clock
  readonly #numbers: Numbers | undefined
  readonly #heartbeat = new Heartbeat()
  #welcome: WelcomeFields
  #bytes = 0
  #pingedAt: number | undefined
  #receivedBefore = 0
  #fresh = false
  /** Whether the PING that every new socket begins with was answered. */
  #greeted = false

  constructor({ welcome, numbers, limits, clock, deadlines, events }: SessionOptions) {
    this.#clock = clock
    this.#numbers = numbers
    this.#welcome = welcome
    const options = {
      parse: parseFromServer,
      clock,
      deadlines,
      limits: {
        sendBytes: welcome.limits.messageBytes,
        receiveBytes: Math.min(limits.messageBytes, Math.max(LEAST_MESSAGE_BYTES, welcome.limits.messageBytes)),
        replayBytes: limits.replayBytes,
        itemWaterBytes: ITEM_WATER_BYTES,
        scan: SCAN_LIMITS,
      },
      window: welcome.limits.window,
    }
    this.peer = new Peer(options, {
      frame: (frame, size) => {
        if (frame[0] === FrameType.MESSAGE || frame[0] === FrameType.RETRACT) this.#fresh = true
        events.frame(this, frame, size)
      },
      pong: () => {
        this.#fresh ||= this.#greeted
        this.#greeted = true
        if (this.#pingedAt !== undefined) events.latency(clock.now() - this.#pingedAt)
        this.#pingedAt = undefined
      },
      broken: ({ code, reason }) => {
        this.peer.link.detach()?.close(code, reason)
        // What was on its way would only bring the same again.
        for (const request of [...this.requests]) request.fail({ code: 'UNAVAILABLE', message: reason })
        events.closed(this, code, reason)
      },
      closed: (code, reason) => events.closed(this, code, reason),
      room: () => events.room(this),
      overflowed: () => events.overflowed(this),
    })
  }

  get welcome(): WelcomeFields {
    return this.#welcome
  }

  get attached(): boolean {
    return this.peer.link.attached
  }

  /** Whether this socket has brought anything that is not brought by every new one. */
  get fresh(): boolean {
    return this.#fresh || this.peer.link.received > this.#receivedBefore
  }

  /** Whether a volatile message would leave at once. */
  get writable(): boolean {
    return this.attached && this.peer.link.unsentBytes <= VOLATILE_WATER_BYTES
  }

  /** Whether the server takes one more request of that size. */
  hasRoomFor(bytes: number): boolean {
    const { calls, callBytes } = this.#welcome.limits
    if (!this.attached) return false
    return this.requests.size === 0 || (this.requests.size < calls && this.#bytes + bytes <= callBytes)
  }

  /** Whether something is on its way here that what follows must not overtake. */
  get hasTurns(): boolean {
    for (const { inTurn } of this.requests) if (inTurn) return true
    return false
  }

  send(request: Request): void {
    this.requests.add(request)
    this.#bytes += request.size
    request.send(this.peer, this.#numbers, this.#welcome.outcomes)
  }

  /** A request is over. Says whether it was on its way here. */
  withdraw(request: Request): boolean {
    if (!this.requests.delete(request)) return false
    this.#bytes -= request.size
    return true
  }

  /** The code to close a socket with whose WELCOME does not go with what this side knows of the session. */
  refuses({ received }: WelcomeFields): number | undefined {
    try {
      return this.peer.link.resumable(received) ? undefined : CloseCode.STATE_LOST
    } catch (error) {
      if (error instanceof ProtocolError) return error.code
      throw error
    }
  }

  /** The next socket: what the server has not received is sent again. */
  attach(socket: Socket, welcome: WelcomeFields): void {
    const { link } = this.peer
    this.#welcome = welcome
    this.#heartbeat.reset()
    this.#fresh = false
    this.#greeted = false
    this.#pingedAt = undefined
    this.#receivedBefore = link.received
    link.attach(socket, welcome.received)
    this.ping()
  }

  /** Takes the socket away, without a word to the server. */
  detach(): void {
    this.peer.link.detach()?.abandon()
  }

  /** Requests that are worth nothing without the socket that they left on. */
  dropVolatile(): void {
    for (const request of [...this.requests]) if (request.volatile) request.answer({ kind: 'end', value: undefined })
  }

  /** A message was too big for the server: of what is on its way, the largest one must have been it. */
  failLargest(message: string): void {
    let largest: Request | undefined
    for (const request of this.requests) if (!largest || request.size > largest.size) largest = request
    largest?.fail({ code: 'RESOURCE_EXHAUSTED', message })
  }

  ping(): void {
    this.#pingedAt ??= this.#clock.now()
    this.peer.link.send([FrameType.PING])
  }

  /** Whether the server is still there; asks it when in doubt. To be called by every sweep. */
  alive(now: number, stalled: boolean, patience: number): boolean {
    const { link } = this.peer
    if (stalled) {
      link.grace()
      this.#heartbeat.reset()
    }
    const pending = this.requests.size > 0
    const pulse = this.#heartbeat.judge(now, link.heardAt, {
      silenceMs: pending ? Math.min(PENDING_MS, this.#welcome.heartbeatMs) : this.#welcome.heartbeatMs,
      answerMs: Math.min(LONGEST_PATIENCE_MS, (this.fresh ? 1 : patience) * (pending ? PENDING_MS : ANSWER_MS)),
    })
    if (pulse === 'ask') this.ping()
    return pulse !== 'gone'
  }

  /**
   * The session is over. Returns the requests that are to be sent on another one; the others have failed. A server that
   * is still there is told with 1000, and forgets the session.
   */
  lose(why: Why): Request[] {
    const requests = [...this.requests]
    this.requests.clear()
    this.#bytes = 0
    const socket = this.peer.link.detach()
    const again = requests.filter(request => request.lost(why))
    this.peer.lose(new TautlineError(why.code, why.message))
    socket?.close(CloseCode.DONE, '')
    return again
  }
}
