import type { CallSession, TautlineError } from '@tautline/core'
import type { Clock, Deadline, Deadlines, Exchange, ExchangeOwner, Outcome } from '@tautline/core/wire'
import type { Route } from './handlers.ts'
import type { InFlight } from './inflight.ts'
import { refusal } from './refusal.ts'
import type { Tally } from './tally.ts'
import type { Topics } from './topics.ts'

/** A slot is given back so many ms after its signal fired, also when its handler has not settled. */
const LINGER_MS = 60_000

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze(Object.create(null))

/** Whoever calls: a session, or code of this process. */
export interface Caller {
  /** The caller as handlers see it. */
  readonly session: CallSession
  /** Read when a call begins; a refresh replaces it, and running calls keep theirs. */
  readonly context: unknown
  readonly inflight: InFlight
  /** Slots of admissions; where there are none, they are not counted. */
  readonly deciding?: InFlight
  /** Set by callers in this process: what they publish is nobody's own, and outlives them. */
  readonly local?: boolean
}

/** Where the answer goes: an exchange, or a caller in this process. */
export interface Answering extends Pick<Exchange, 'over' | 'pump' | 'end' | 'fail' | 'owner'> {
  /** The items that the caller sends; what is kept of them may be discarded. */
  readonly items: AsyncIterator<unknown, undefined, undefined> & { discard?(): void }
}

/** What all runs of a server share. */
export interface RunParts {
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly topics: Topics
  readonly tally: Tally
}

/** What one run is about. */
export interface RunOptions {
  readonly route: Route
  readonly action: 'call' | 'subscribe' | 'publish'
  readonly caller: Caller
  readonly answer: Answering
  /** Bytes of the frame; with them the run holds one of the caller's slots. */
  readonly size?: number
  readonly timeoutMs: number | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Makes it idempotent. */
  readonly key?: string | undefined
  /** The input, or the params of a topic, as it came. */
  readonly input: unknown
  /** What a client publishes, as it came. */
  readonly message?: unknown
  /** An admission to a topic's presence: whoever looks on is no member. */
  readonly looksOn?: boolean
}

/**
 * Running until it is answered from outside (`stopped`: cancel, deadline, lost session), and freed when its slot is
 * given back: as soon as all of its user code has settled, or some time after the stop.
 */
type State =
  | { readonly kind: 'running' }
  | { readonly kind: 'stopped'; readonly error: TautlineError }
  | { readonly kind: 'freed'; readonly error?: TautlineError }

const RUNNING: State = { kind: 'running' }
const FREED: State = { kind: 'freed' }

/** One call, stream, publish or admission under way, from its frame until its handlers have settled. */
export class Run implements ExchangeOwner {
  readonly route: Route
  readonly action: 'call' | 'subscribe' | 'publish'
  readonly caller: Caller
  readonly answer: Answering
  readonly headers: Readonly<Record<string, string>>
  readonly key: string | undefined
  readonly looksOn: boolean
  /** The context that it began with. */
  readonly context: unknown
  /** The input, or the params of a topic; parsed before any handler sees it. */
  input: unknown
  /** What a client publishes; parsed before any handler sees it. */
  message: unknown
  /** Both as they came; with a key only. */
  readonly asked: unknown
  /** Whether a handler may have begun. */
  begun = false
  /** What others see of a subscriber who was let in. */
  member: unknown
  readonly #parts: RunParts
  readonly #slots: InFlight | undefined
  #size: number
  readonly #timeoutMs: number | undefined
  #deadlineAt: number | undefined
  #state = RUNNING
  #unsettled = 1
  #deadline: Deadline | undefined
  #controller: AbortController | undefined

  /** @throws what {@link InFlight.take} throws; then nothing runs. */
  constructor(parts: RunParts, options: RunOptions) {
    const { route, action, caller, answer, size, timeoutMs, headers, key, looksOn, input, message } = options
    const slots = action === 'subscribe' ? caller.deciding : size === undefined ? undefined : caller.inflight
    slots?.take(size ?? 0)
    this.#parts = parts
    this.#slots = slots
    this.#size = size ?? 0
    this.#timeoutMs = timeoutMs
    this.route = route
    this.action = action
    this.caller = caller
    this.answer = answer
    this.headers = headers ?? NO_HEADERS
    this.key = key
    this.input = input
    this.message = message
    this.asked = key === undefined ? undefined : [input, message]
    this.looksOn = looksOn ?? false
    this.context = caller.context
    answer.owner = this
  }

  get session(): CallSession {
    return this.caller.session
  }

  get topics(): Topics {
    return this.#parts.topics
  }

  /** Made when it is asked for: most handlers never do. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.stopped) this.#controller.abort(this.stopped)
    }
    return this.#controller.signal
  }

  /** When the signal fires at the latest, in ms since the epoch. */
  get deadline(): number | undefined {
    const left = this.#left()
    return left === undefined ? undefined : Date.now() + Math.round(left)
  }

  /** Why the signal fired. */
  get stopped(): TautlineError | undefined {
    return this.#state.kind === 'running' ? undefined : this.#state.error
  }

  /** Arms the deadline, unless all is over already: a handler that answers at once costs no timer. */
  watch(): void {
    if (this.#state.kind !== 'running') return
    const left = this.#left()
    if (left === undefined) return
    this.#deadline = this.#parts.deadlines.add(Math.max(0, left), () => {
      this.stop(refusal('DEADLINE_EXCEEDED', undefined, { mayHaveRun: this.begun }))
    })
  }

  /** More user code runs that the slot must wait for, until {@link Run.settled}. */
  hold(): void {
    this.#unsettled += 1
  }

  /** Some of its user code has settled; with the last of it the slot is free. */
  settled(): void {
    this.#unsettled -= 1
    if (this.#unsettled === 0) this.#free()
  }

  /** Answers with the result; throws when it cannot be sent, and nothing was answered. */
  end(value: unknown): void {
    if (this.answer.over) return
    if (!this.caller.inflight.mayAnswer) {
      throw refusal('RESOURCE_EXHAUSTED', 'too many answers wait to be sent')
    }
    this.answer.end(value)
    this.#parts.tally.count(this.route.entry.path, 'OK')
  }

  /** Answers with a failure; what still runs is told to stop. Throws when it cannot be sent. */
  fail(error: TautlineError): void {
    if (this.answer.over) return
    this.answer.fail(error)
    this.#parts.tally.count(this.route.entry.path, error.code)
    if (this.#unsettled > 1) this.#stop(error)
  }

  /** Ends it from outside: the caller is told at once, the signal fires, and the slot waits for the handler. */
  stop(error: TautlineError): void {
    if (this.#state.kind !== 'running') return
    if (!this.answer.over) this.answer.fail(error)
    this.#parts.tally.count(this.route.entry.path, error.code)
    this.#stop(error)
  }

  /** Items that nobody reads count as input; those of a stream that goes too far are not kept. */
  held(bytes: number): void {
    const slots = this.#slots
    if (!slots || this.#state.kind === 'freed') return
    this.#size += bytes
    if (!slots.weigh(bytes) || bytes < 0 || this.#state.kind !== 'running') return
    this.stop(slots.heavy)
    this.answer.items.discard?.()
  }

  /** The caller lost interest, or its session is lost. */
  ended(outcome: Outcome): void {
    if (outcome.kind === 'fail') this.stop(outcome.error)
    else this.stop(refusal('CANCELLED', undefined, { mayHaveRun: this.begun }))
  }

  /** Counted from when somebody wants to know: who is through at once has not even looked at the clock. */
  #left(): number | undefined {
    if (this.#timeoutMs === undefined) return undefined
    const now = this.#parts.clock.now()
    this.#deadlineAt ??= now + this.#timeoutMs
    return this.#deadlineAt - now
  }

  #stop(error: TautlineError): void {
    this.#state = { kind: 'stopped', error }
    this.#parts.deadlines.delete(this.#deadline)
    this.#deadline = this.#parts.deadlines.add(LINGER_MS, () => this.#free())
    this.#controller?.abort(error)
  }

  #free(): void {
    if (this.#state.kind === 'freed') return
    this.#state = this.#state.kind === 'stopped' ? { ...this.#state, kind: 'freed' } : FREED
    this.#parts.deadlines.delete(this.#deadline)
    this.#slots?.release(this.#size)
  }
}
