import { channelOf, type Interceptor, parse, TautlineError, type TopicEntry } from '@tautline/core'
import type { Call, Clock, Deadlines, EntryName, Publish } from '@tautline/core/wire'
import { HandlerCall } from './call.ts'
import { hearsCalls, traced } from './diagnostics.ts'
import type { Failures } from './failures.ts'
import type { Route, Routes } from './handlers.ts'
import { intercept } from './interceptors.ts'
import { LocalExchange } from './local/exchange.ts'
import type { Outcomes } from './outcomes.ts'
import { Performer } from './perform.ts'
import { refusal } from './refusal.ts'
import { type Answering, type Caller, Run, type RunOptions, type RunParts } from './run.ts'
import { type Calls, Tally } from './tally.ts'
import { isThenable } from './thenable.ts'
import { Topics, type TopicsPort } from './topics.ts'
import { Up } from './up.ts'

/** How long a procedure, a publish or an admission may take, in ms, unless told otherwise. */
const CALL_MS = 30_000

const PRESENCE = '@presence'

/** How a dispatcher is made. */
export interface DispatcherParts {
  readonly routes: Routes
  readonly interceptors: readonly Interceptor[]
  /** Whether answers and stream items are parsed before they are sent. */
  readonly validateOutput: boolean
  readonly failures: Failures
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly limits: {
    /** Longest timeout that a client may ask for, in ms. */
    readonly timeoutMs: number
  }
  readonly topics: TopicsPort
  readonly outcomes: Outcomes
}

/** A subscription that its topic's handler has let in. */
export interface Admission {
  readonly topic: TopicEntry
  /** Whether it is the topic's presence that is subscribed to. */
  readonly presence: boolean
  readonly channel: string
  /** The parsed params. */
  readonly params: unknown
  /** What others see of the subscriber, checked; with topics that have presence. */
  readonly member?: () => Promise<unknown>
}

/** Every call, stream, publish and admission of a server: the only place where user code runs. */
export class Dispatcher {
  readonly #parts: DispatcherParts
  readonly #performer: Performer
  readonly #shared: RunParts
  readonly #tally = new Tally()

  constructor(parts: DispatcherParts) {
    const { clock, deadlines, routes, topics, failures, outcomes, validateOutput } = parts
    this.#parts = parts
    this.#performer = new Performer({ failures, outcomes, validateOutput })
    this.#shared = { clock, deadlines, topics: new Topics(routes, topics), tally: this.#tally }
  }

  /** Calls by entry and outcome so far. */
  get calls(): Calls {
    return this.#tally.calls
  }

  /** Forgets outcomes that are too old; to be called now and then. */
  sweep(): void {
    this.#parts.outcomes.sweep()
  }

  /** Runs a procedure or a stream, and answers. */
  call(caller: Caller, answer: Answering, [, , name, input, fields]: Call, size: number): void {
    const route = this.#parts.routes.get(name)
    if (!route || route.kind === 'topic') return this.#refuse(answer, route, unimplemented(name))
    try {
      const { headers, key } = fields ?? {}
      const timeoutMs = this.#timeout(route, fields?.timeoutMs)
      if (key !== undefined && route.kind === 'stream') throw refusal('INVALID_ARGUMENT', 'a stream has no key')
      this.#start({ route, action: 'call', caller, answer, size, timeoutMs, headers, key, input })
    } catch (error) {
      this.#refuse(answer, route, TautlineError.from(error))
    }
  }

  /** Publishes what a client sends, once its topic's handler has made a message of it; answers with the position. */
  publish(caller: Caller, answer: Answering, [, , name, params, message, fields]: Publish, size: number): void {
    const route = this.#parts.routes.get(name)
    if (route?.kind !== 'topic' || !route.publish) return this.#refuse(answer, route, unimplemented(name))
    try {
      const options = { route, action: 'publish', caller, answer, size, timeoutMs: CALL_MS } as const
      this.#start({ ...options, key: fields?.key, input: params, message })
    } catch (error) {
      this.#refuse(answer, route, TautlineError.from(error))
    }
  }

  /**
   * Asks a topic's handler whether `caller` may subscribe.
   *
   * @param path - the topic's, or that of its presence, `'rooms.feed@presence'`.
   * @param signal - fires when the subscriber has lost interest.
   * @throws {@link TautlineError} what the subscriber may be told.
   */
  async admit(caller: Caller, path: string, params: unknown, signal: AbortSignal): Promise<Admission> {
    const presence = path.endsWith(PRESENCE)
    const route = this.#parts.routes.get(presence ? path.slice(0, -PRESENCE.length) : path)
    if (route?.kind !== 'topic' || (presence && !route.presence)) throw unimplemented(path)
    const answer = new LocalExchange()
    const options = { route, action: 'subscribe', caller, answer, timeoutMs: CALL_MS } as const
    const run = this.#start({ ...options, input: params, looksOn: presence })
    const cancel = (): void => answer.cancel()
    signal.addEventListener('abort', cancel)
    if (signal.aborted) cancel()
    try {
      await answer.result
    } finally {
      signal.removeEventListener('abort', cancel)
    }
    const admission = { topic: route.entry, presence, channel: channelOf(path, run.input), params: run.input }
    return route.presence && !presence ? { ...admission, member: async () => run.member } : admission
  }

  #start(options: RunOptions): Run {
    const run = new Run(this.#shared, options)
    this.#drive(run)
    run.watch()
    return run
  }

  /** From input to answer, in one go where nothing is asynchronous: that costs no promise. Never throws. */
  #drive(run: Run): void {
    try {
      const answer = hearsCalls() ? this.#trace(run) : this.#ask(run)
      if (isThenable(answer)) return void this.#settle(run, answer)
      run.end(answer)
      run.settled()
    } catch (thrown) {
      void this.#settle(run, Promise.reject(thrown))
    }
  }

  async #settle(run: Run, answer: PromiseLike<unknown>): Promise<void> {
    try {
      run.end(await answer)
    } catch (thrown) {
      await this.#fail(run, thrown)
    } finally {
      run.settled()
    }
  }

  /** A method of its own: a function in the caller would cost every run, traced or not. */
  #trace(run: Run): unknown {
    return traced(run, () => this.#ask(run))
  }

  #ask(run: Run): unknown {
    const { entry } = run.route
    // Made in the tick of the call, since items may come with it.
    const up = entry.kind === 'stream' && entry.up ? new Up(run, entry.up) : undefined
    const parsed =
      entry.kind === 'topic'
        ? parse(entry.params, run.input, 'the params', entry.path)
        : parse(entry.input, run.input, 'the input', entry.path)
    if (isThenable(parsed) || run.action === 'publish') return this.#askLater(run, parsed, up)
    run.input = parsed
    return this.#perform(run, new HandlerCall(run, run.context, up))
  }

  async #askLater(run: Run, parsed: unknown, up: Up | undefined): Promise<unknown> {
    const { entry } = run.route
    run.input = isThenable(parsed) ? await parsed : parsed
    if (entry.kind === 'topic' && run.action === 'publish') {
      run.message = await parse(entry.publish, run.message, 'a publication', entry.path)
    }
    return this.#perform(run, new HandlerCall(run, run.context, up))
  }

  #perform(run: Run, call: HandlerCall): unknown {
    const { interceptors } = this.#parts
    if (interceptors.length === 0) return this.#performer.perform(run, call)
    return intercept(interceptors, call, async innermost => {
      // An interceptor may throw while the handler is still at work: then the slot waits for both.
      run.hold()
      try {
        return await this.#performer.perform(run, innermost)
      } finally {
        run.settled()
      }
    })
  }

  /** Whatever was thrown, there is an answer: also for what cannot even be looked at, or cannot be sent. */
  async #fail(run: Run, thrown: unknown): Promise<void> {
    const { failures } = this.#parts
    const { entry } = run.route
    try {
      if (run.answer.over) failures.late(thrown, entry.path)
      else run.fail(await failures.of(thrown, entry, run.begun))
    } catch (unsayable) {
      run.fail(failures.internal(unsayable, entry.path))
    }
  }

  #refuse(answer: Answering, route: Route | undefined, error: TautlineError): void {
    this.#tally.count(route?.entry.path ?? '', error.code)
    answer.fail(error)
  }

  #timeout({ entry }: Exclude<Route, { kind: 'topic' }>, asked: number | undefined): number | undefined {
    if (asked === undefined) return entry.timeout ?? (entry.kind === 'procedure' ? CALL_MS : undefined)
    const most = this.#parts.limits.timeoutMs
    if (Number.isInteger(asked) && asked >= 1 && asked <= most) return asked
    throw refusal('INVALID_ARGUMENT', `a timeout must be an integer from 1 to ${most} (ms)`)
  }
}

function unimplemented(name: EntryName): TautlineError {
  return refusal('UNIMPLEMENTED', `there is no such entry: ${name}`)
}
