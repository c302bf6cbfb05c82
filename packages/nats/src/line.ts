import { type JetStreamClient, type JetStreamManager, jetstream } from '@nats-io/jetstream'
import type { NatsConnection, NodeConnectionOptions } from '@nats-io/transport-node'
import type { Deadlines } from '@tautline/core/wire'
import { dial } from './client.ts'
import { failed, ignore, notSent } from './failures.ts'

/** What is asked of the stream is given up after so many ms. */
const REQUEST_MS = 2_000
/** Who asks while the engine is being dialled or looked at waits for so many ms. */
const PATIENCE_MS = 2_000
/** An engine that is up is looked at this often, in ms. */
const CHECK_MS = 2_000
/** What failed while connecting is tried again so many ms later. */
const RETRY_MS = 250

/** A connection that stands, and its two doors to JetStream. */
export interface Engine {
  readonly connection: NatsConnection
  readonly streams: JetStreamClient
  readonly manager: JetStreamManager
}

/** `ready` resolves when that is over, or has taken too long. */
interface Passing {
  readonly kind: 'dialling' | 'preparing'
  readonly ready: Promise<void>
  readonly over: () => void
}

type State =
  | Passing
  | { readonly kind: 'up'; readonly engine: Engine }
  | { readonly kind: 'down'; readonly connected: boolean }
  | { readonly kind: 'closed' }

/** What a line is made of. */
export interface LineParts {
  readonly options: NodeConnectionOptions
  readonly deadlines: Deadlines
  /** Looks at an engine that was not there a moment ago; it is up when that resolves. */
  readonly prepare: (engine: Engine) => Promise<void>
  /** Whether an engine that is up is still the one that was prepared. */
  readonly check: (engine: Engine) => Promise<boolean>
  /** Told when {@link Line.up} may have changed. */
  readonly changed: () => void
}

/** The broker's own connection. Everything that is asked on it settles, and nothing waits for an engine that is away. */
export class Line {
  readonly #parts: LineParts
  /** Ends what is being asked when the connection is lost. */
  readonly #asked = new Set<(error: Error) => void>()
  #state: State
  #engine: Engine | undefined
  #dialled: Promise<void>
  #flushing: Promise<void> | undefined
  #lastError: unknown

  constructor(parts: LineParts) {
    this.#parts = parts
    this.#state = this.#passing('dialling')
    this.#dialled = this.#dial()
    this.#armCheck()
  }

  get up(): boolean {
    return this.#state.kind === 'up'
  }

  /**
   * Resolves when the engine is up.
   *
   * @throws {@link TautlineError} `UNAVAILABLE`: nothing was sent.
   */
  async ready(): Promise<void> {
    if (isPassing(this.#state)) await this.#state.ready
    this.#here()
  }

  /** Asks something, for as long as the connection stands; of an engine that is up, at once. */
  async ask<T>(question: (engine: Engine) => Promise<T>): Promise<T> {
    if (isPassing(this.#state)) await this.#state.ready
    const engine = this.#here()
    return new Promise<T>((resolve, reject) => {
      this.#asked.add(reject)
      const over = () => this.#asked.delete(reject)
      question(engine).then(resolve, reject).finally(over)
    })
  }

  /**
   * Sends what the engine does not answer; resolves when it has taken it. What is sent in one turn is written at once, with
   * one question whether it was taken.
   */
  async send(post: (connection: NatsConnection) => void): Promise<void> {
    if (isPassing(this.#state)) await this.#state.ready
    const { connection } = this.#here()
    // The client writes at the end of the turn in which the first thing was sent; what is planned before that goes with it.
    const taken = this.flush()
    post(connection)
    return taken.catch((error: unknown) => {
      throw failed(new Error('the engine did not confirm it', { cause: error }))
    })
  }

  /** Resolves when the engine has taken what was sent so far; those who ask in the same turn share an answer. */
  flush(): Promise<void> {
    this.#flushing ??= this.#planFlush()
    return this.#flushing
  }

  /** @throws {@link TautlineError} `UNAVAILABLE` when it is closed. */
  checkOpen(): void {
    if (this.#state.kind === 'closed') throw notSent('the broker is closed')
  }

  /** The engine is not as it was prepared: it is looked at again, and down until that is done. */
  doubt(): void {
    if (this.#state.kind !== 'up') return
    void this.#prepare(this.#state.engine)
    // Where there is no stream, some questions are not answered.
    this.#loseAll(new Error('the stream was lost'))
  }

  async close(): Promise<void> {
    this.#become({ kind: 'closed' })
    this.#loseAll(new Error('the broker is closed'))
    await this.#dialled
    await this.#engine?.connection.close()
  }

  async #dial(): Promise<void> {
    try {
      const connection = await dial(this.#parts.options)
      if (this.#state.kind === 'closed') return await connection.close()
      const streams = jetstream(connection, { timeout: REQUEST_MS })
      const engine = { connection, streams, manager: await streams.jetstreamManager(false) }
      this.#engine = engine
      void this.#watch(engine)
      void this.#prepare(engine)
    } catch (error) {
      this.#lastError = error
      this.#become({ kind: 'down', connected: false })
      this.#parts.deadlines.add(RETRY_MS, () => this.#redial())
    }
  }

  #redial(): void {
    if (this.#state.kind !== 'closed') this.#dialled = this.#dial()
  }

  async #watch(engine: Engine): Promise<void> {
    for await (const status of engine.connection.status()) {
      if (status.type === 'error') this.#lastError = status.error
      if (status.type === 'disconnect') this.#lost()
      if (status.type === 'reconnect') void this.#prepare(engine)
    }
    if (this.#state.kind === 'closed') return
    this.#lost()
    this.#parts.deadlines.add(RETRY_MS, () => this.#redial())
  }

  async #prepare(engine: Engine): Promise<void> {
    const preparing = this.#passing('preparing')
    this.#become(preparing)
    try {
      await this.#parts.prepare(engine)
      if (this.#state === preparing) this.#become({ kind: 'up', engine })
    } catch (error) {
      this.#lastError = error
      if (this.#state !== preparing) return
      this.#become({ kind: 'down', connected: true })
      this.#parts.deadlines.add(RETRY_MS, () => {
        if (this.#state.kind === 'down' && this.#state.connected) void this.#prepare(engine)
      })
    }
  }

  #armCheck(): void {
    this.#parts.deadlines.add(CHECK_MS, () => {
      if (this.#state.kind === 'closed') return
      this.#armCheck()
      void this.#check()
    })
  }

  async #check(): Promise<void> {
    if (this.#state.kind !== 'up') return
    const state = this.#state
    // One that does not answer is noticed by the connection.
    const isSame = await this.#parts.check(state.engine).catch(() => true)
    if (!isSame && this.#state === state) this.doubt()
  }

  #planFlush(): Promise<void> {
    const flushing = Promise.resolve().then(() => {
      this.#flushing = undefined
      return this.ask(({ connection }) => connection.flush())
    })
    // Who wanted to send something, and could not, does not wait for it.
    flushing.catch(ignore)
    return flushing
  }

  #here(): Engine {
    this.checkOpen()
    if (this.#state.kind !== 'up') throw notSent(this.#complaint(), this.#lastError)
    return this.#state.engine
  }

  /** What is wrong in particular is no client's business: it is the cause. */
  #complaint(): string {
    const isConnected = this.#state.kind === 'down' && this.#state.connected
    return isConnected ? 'NATS cannot be used as it is' : 'NATS cannot be reached'
  }

  #lost(): void {
    this.#become({ kind: 'down', connected: false })
    this.#loseAll(new Error('the connection was lost'))
  }

  #loseAll(error: Error): void {
    for (const lose of this.#asked) lose(error)
    this.#asked.clear()
  }

  /** What waited for a dial waits for the preparations, too. */
  #passing(kind: Passing['kind']): Passing {
    if (this.#state && isPassing(this.#state)) return { ...this.#state, kind }
    let over = () => undefined as void
    const ready = new Promise<void>(resolve => {
      over = resolve
    })
    this.#parts.deadlines.add(PATIENCE_MS, over)
    return { kind, ready, over }
  }

  #become(state: State): void {
    if (this.#state.kind === 'closed') return
    if (isPassing(this.#state) && !isPassing(state)) this.#state.over()
    this.#state = state
    this.#parts.changed()
  }
}

function isPassing(state: State | undefined): state is Passing {
  return state?.kind === 'dialling' || state?.kind === 'preparing'
}
