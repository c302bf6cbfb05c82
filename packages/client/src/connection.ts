import {
  type CanonicalCode,
  hashOf,
  numbersOf,
  type PublishOptions,
  TautlineError,
  type TopicEntry,
} from '@tautline/core'
import {
  type DrainFields,
  type Frame,
  meaningOf,
  retryAfterOf,
  type Socket,
  type Subscribe,
  type Unsubscribe,
  type WelcomeFields,
} from '@tautline/core/wire'
import * as CloseCode from '@tautline/core/wire/close-code'
import * as FrameType from '@tautline/core/wire/frame-type'
import { backoff } from './backoff.ts'
import { publish } from './call.ts'
import { dial } from './dial.ts'
import { Events } from './events.ts'
import { Liveness } from './liveness.ts'
import type { ClientLimits, Report, Settings } from './options.ts'
import type { Numbers } from './request.ts'
import { Session } from './session.ts'
import { type ConnectionState, codeOfStop, type State, shown } from './states.ts'
import { askForToken } from './token.ts'
import type { TopicLine } from './topic-line.ts'
import { Topics } from './topics.ts'
import { LOST, Traffic } from './traffic.ts'
import { urlOf } from './url.ts'
import { isOffline, listenForWake } from './wake.ts'

/** After so long on one socket a connection counts as healthy, and back-off begins anew, in ms. */
const HEALTHY_MS = 10_000
/** A session that is about to be given up waits for a dial that is under way, so long at a time, in ms. */
const LINGER_MS = 1_000

/**
 * The connection to a server: dials, resumes its session or begins another one, notices when the server is gone, and
 * decides from the close code what comes next (protocol.md, "Leaving").
 */
export class Connection implements TopicLine {
  readonly events = new Events()
  readonly traffic: Traffic
  readonly topics: Topics
  readonly clock: Settings['clock']
  readonly random: () => number
  readonly limits: ClientLimits
  readonly interceptors: Settings['interceptors']
  readonly #settings: Settings
  readonly #tree: object
  /** The hash of the client's contract. */
  readonly #contract: string
  /** Known when a server turned out to have the same contract: the others would not understand them. */
  #numbers: Numbers | undefined
  readonly #liveness: Liveness
  #state: State = { status: 'idle' }
  #shown: ConnectionState = shown({ status: 'idle' })
  #attempt = 0
  /** Dials since the connection was last healthy. */
  #tries = 0
  #tokens = 0
  #latency: number | undefined
  #skewed: string | undefined
  #stopListening: (() => void) | undefined
  #expiry: unknown
  #slot: unknown

  /** @param tree - the contract, or its outline. */
  constructor(settings: Settings, tree: object) {
    this.#settings = settings
    this.#tree = tree
    this.#contract = hashOf(tree)
    this.clock = settings.clock
    this.random = settings.random
    this.limits = settings.limits
    this.interceptors = settings.interceptors
    this.traffic = new Traffic(settings, () => this.open())
    this.#liveness = new Liveness(this.traffic, {
      measures: () => this.events.hears('latency'),
      gone: session => this.#closed(session, CloseCode.SILENT, '', true),
    })
    this.topics = new Topics(this)
  }

  /** The same object until it changes. */
  get state(): ConnectionState {
    return this.#shown
  }

  get latency(): number | undefined {
    return this.#latency
  }

  get writable(): boolean {
    return this.traffic.writable
  }

  readonly onError: Report = (error, about = {}) => this.events.tell('error', error, about)

  /** Dials now, also after a stop. */
  start(): void {
    const { status } = this.#state
    if (status === 'connecting' || status === 'online') return
    if (status === 'closed') this.#tries = 0
    this.#dial()
  }

  /** Dials if nobody has. @throws {@link TautlineError} when the connection is closed. */
  open(): void {
    const state = this.#state
    if (state.status === 'closed') throw new TautlineError(state.code, state.reason, { mayHaveRun: false })
    if (state.status === 'idle') this.#dial()
  }

  /** Brings the server a new token. */
  refresh(): void {
    const { status } = this.#state
    if (status === 'online') this.#bringToken()
    else if (status === 'connecting' || status === 'waiting') this.#dial()
  }

  send(frame: Subscribe | Unsubscribe): void {
    this.traffic.session?.peer.send(frame)
  }

  publish(entry: TopicEntry, params: unknown, message: unknown, options: PublishOptions): Promise<unknown> {
    return publish(this.traffic, entry, params, message, options)
  }

  /** Everything settles and nothing is left, until somebody starts it again. Calls fail with `code`. */
  stop(reason: string, code: CanonicalCode = 'UNAVAILABLE', wanted = false): void {
    if (this.#state.status === 'closed') return
    const error = new TautlineError(code, reason)
    this.#transition({ status: 'closed', reason, code }, () => {
      this.#stopListening?.()
      this.#stopListening = undefined
      this.#liveness.stop()
      this.traffic.deadlines.delete(this.#expiry)
      this.traffic.deadlines.delete(this.#slot)
      this.topics.detached()
      this.traffic.stop({ code, message: reason })
      this.topics.close(wanted ? undefined : error)
    })
  }

  /** The one writer of the state: ends what belongs to the old one, and tells of the new one when all is done. */
  #transition(next: State, effects?: () => void): void {
    const old = this.#state
    this.#state = next
    this.#shown = shown(next)
    if (old.status === 'connecting') old.hangUp()
    if (old.status === 'waiting') this.traffic.deadlines.delete(old.deadline)
    effects?.()
    this.events.tell('state', this.#shown)
  }

  #dial(reason?: string): void {
    const { settings, deadlines } = this.traffic
    const resumed = this.traffic.session
    this.#attempt += 1
    this.#stopListening ??= listenForWake(() => this.#changed())
    const hangUp = dial({
      deadlines,
      stepMs: settings.connectTimeout,
      token: () => askForToken(settings.token),
      socket: () => settings.socket(urlOf(settings.url, resumed?.welcome.route)),
      hello: token => ({
        token,
        session: resumed && [resumed.welcome.session, resumed.peer.link.received, this.#attempt],
        contract: this.#contract,
      }),
      welcomed: (socket, welcome) => this.#welcomed(socket, welcome, resumed),
      failed: (code, why) => this.#ended(code, why),
      noToken: error => {
        this.onError(TautlineError.from(error))
        this.#retry('no token')
      },
    })
    this.#transition({ status: 'connecting', reason, hangUp })
  }

  #welcomed(socket: Socket, welcome: WelcomeFields, asked: Session | undefined): void {
    const { traffic, events } = this
    const session = welcome.resumed ? asked : this.#newSession(welcome)
    const stale = welcome.resumed && asked !== traffic.session
    const problem = session && !stale ? session.refuses(welcome) : CloseCode.STATE_LOST
    if (!session || problem !== undefined) {
      socket.close(CloseCode.DONE, '')
      if (!stale) traffic.lose(LOST)
      return this.#ended(problem ?? CloseCode.STATE_LOST, '')
    }
    traffic.deadlines.delete(this.#expiry)
    if (session !== traffic.session) traffic.begin(session)
    session.attach(socket, welcome)
    this.topics.attached()
    traffic.flush()
    this.#liveness.start()
    this.#transition({ status: 'online', since: this.clock.now() })
    const { contract } = welcome
    if (contract === undefined || contract === this.#contract || contract === this.#skewed) return
    this.#skewed = contract
    events.tell('skew', { client: this.#contract, server: contract })
  }

  #newSession(welcome: WelcomeFields): Session {
    const { clock, limits } = this
    return new Session({
      welcome,
      numbers: this.#numbersFor(welcome.contract),
      limits,
      clock,
      deadlines: this.traffic.deadlines,
      events: {
        frame: (session, frame, size) => this.#received(session, frame, size),
        closed: (session, code, reason) => this.#closed(session, code, reason),
        room: session => session === this.traffic.session && this.topics.room(),
        overflowed: session => session === this.traffic.session && this.traffic.lose(LOST),
        latency: ms => {
          this.#latency = ms
          this.events.tell('latency', ms)
        },
      },
    })
  }

  /** What a server of this contract calls entries beside their paths. */
  #numbersFor(contract: string | undefined): Numbers | undefined {
    if (contract !== this.#contract) return undefined
    this.#numbers ??= numbersOf(this.#tree)
    return this.#numbers
  }

  #received(session: Session, frame: Frame, size: number): void {
    if (session !== this.traffic.session) return
    if (frame[0] === FrameType.TOKEN) this.#bringToken()
    else if (frame[0] === FrameType.DRAIN) this.#drain(session, frame[1])
    else this.topics.receive(frame, size)
  }

  /** Works as usual until its slot comes; then a new session begins while what is open on this one ends. */
  #drain(session: Session, { inMs, graceMs }: DrainFields): void {
    const { traffic } = this
    traffic.deadlines.delete(this.#slot)
    this.#slot = traffic.deadlines.add(inMs, () => {
      if (session !== traffic.session || !session.attached) return
      this.#detached()
      traffic.leave(graceMs)
      this.#dial('draining')
    })
  }

  #bringToken(): void {
    const { session } = this.traffic
    this.#tokens += 1
    const asked = this.#tokens
    askForToken(this.#settings.token)
      .then(token => {
        if (asked === this.#tokens && session?.attached) session.peer.send([FrameType.TOKEN, token])
      })
      .catch((error: unknown) => this.onError(TautlineError.from(error)))
  }

  /** The socket of a session is gone; the session may be resumed on another one. */
  #closed(session: Session, code: number, reason: string, noticed = false): void {
    const { traffic } = this
    if (session === traffic.leaving) return traffic.left()
    if (session !== traffic.session) return
    this.#detached()
    session.dropVolatile()
    this.#expire(session, session.welcome.resumeMs)
    this.#ended(code, reason, noticed)
  }

  #detached(): void {
    if (this.#state.status === 'online' && this.clock.now() - this.#state.since >= HEALTHY_MS) this.#tries = 0
    this.topics.detached()
  }

  #expire(session: Session, ms: number): void {
    const { traffic } = this
    traffic.deadlines.delete(this.#expiry)
    this.#expiry = traffic.deadlines.add(ms, () => {
      if (session !== traffic.session) return
      if (this.#state.status === 'connecting') this.#expire(session, LINGER_MS)
      else traffic.lose(LOST)
    })
  }

  /** A dial or a socket ended with this code, which says what comes next. */
  #ended(code: number, reason: string, noticed = false): void {
    const { policy, endsSession, name } = meaningOf(code)
    if (policy === 'stop') return this.stop(reason || name, codeOfStop(code))
    if (endsSession) {
      this.traffic.session?.failLargest(name)
      this.traffic.lose({ ...LOST, message: name })
    }
    this.#retry(name, noticed || policy === 'token', retryAfterOf(reason))
  }

  /** @param atOnce - the first try need not wait: it is not the server that cut everybody off. */
  #retry(reason: string, atOnce = false, retryAfterMs = 0): void {
    const jitter = atOnce && this.#tries === 0 ? 0 : backoff(this.#tries, this.random)
    this.#tries += 1
    const ms = Math.max(jitter, retryAfterMs)
    if (ms > 0) this.#wait(reason, ms)
    else this.#dial(reason)
  }

  #wait(why: string, ms: number): void {
    const reason = isOffline() ? 'offline' : why
    const deadline = this.traffic.deadlines.add(ms, () => this.#dial(reason))
    this.#transition({ status: 'waiting', reason, retryAt: Date.now() + ms, deadline })
  }

  /** The network or the page has changed: whoever waits tries now, and a socket that looks open must prove it. */
  #changed(): void {
    const { status } = this.#state
    if (status === 'online') this.#liveness.prove()
    else if (status === 'waiting' && isOffline()) this.#wait('', backoff(this.#tries, this.random))
    else if (status === 'waiting') this.#dial()
  }
}
