import type { Position } from '@tautline/core/wire'
import type { VirtualClock } from '../../../testing/src/clock.ts'
import type {
  Broker,
  BrokerChannel,
  BrokerStatus,
  Change,
  Feed,
  FeedListener,
  From,
  Page,
  PageLimit,
  Publication,
} from '../../src/broker.ts'
import { memory } from '../../src/memory.ts'

/** What may happen to one delivery of a feed. */
export type Fate = 'told' | 'lost' | 'twice' | 'swapped'

/** How a method fails: at once, by a rejection, or by never answering. */
export type Failure = 'throws' | 'rejects' | 'hangs'

type Method = 'publish' | 'subscribe' | 'read' | 'heads' | 'renew'

/** A broker with everything that may go wrong with an engine; what it really remembers is in `inner`. */
export class FaultyBroker implements Broker {
  inner: Broker
  status: BrokerStatus = 'up'
  /** How the next deliveries fare; all is told when it is empty. */
  readonly fates: Fate[] = []
  readonly failures = new Map<Method, Failure>()
  /** Names of channels in a part of the engine that cannot be reached. */
  readonly apart = new Set<string>()
  /** Answers to reads and to questions about heads take so long, in ms. */
  readMs = 0
  /** What a feed tells takes so long, in ms. */
  feedMs = 0
  /** How often each method was called. */
  readonly calls = new Map<Method, number>()
  readonly #clock: VirtualClock
  readonly #feeds = new Set<{
    readonly channel: BrokerChannel
    readonly listener: FeedListener
    feed: Feed | undefined
  }>()
  readonly #statusListeners = new Set<(status: BrokerStatus) => void>()
  readonly #swapped = new Map<FeedListener, { readonly epoch: string | null; readonly change: Change }>()

  constructor(clock: VirtualClock) {
    this.#clock = clock
    this.inner = memory({ clock })
  }

  get feeds(): number {
    return this.#feeds.size
  }

  /** The engine starts anew and remembers nothing; its feeds go on. */
  async wipe(): Promise<void> {
    const old = this.inner
    this.inner = memory({ clock: this.#clock })
    await old.close()
    for (const held of this.#feeds) held.feed = await this.#listen(held.channel, held.listener)
  }

  become(status: BrokerStatus): void {
    this.status = status
    for (const listener of this.#statusListeners) listener(status)
  }

  async publish(channel: BrokerChannel, publication: Publication): Promise<Position> {
    return this.#call('publish', () => this.inner.publish(channel, publication))
  }

  subscribe(channel: BrokerChannel, listener: FeedListener): Promise<Feed> {
    return this.#call('subscribe', async () => {
      const held = { channel, listener, feed: undefined as Feed | undefined }
      this.#feeds.add(held)
      held.feed = await this.#listen(channel, listener)
      return {
        head: held.feed.head,
        close: () => {
          this.#feeds.delete(held)
          held.feed?.close()
        },
      }
    })
  }

  read(channel: BrokerChannel, from: From, limit: PageLimit): Promise<Page> {
    return this.#call('read', async () => {
      const page = await this.inner.read(channel, from, limit)
      await this.#wait(this.readMs)
      return page
    })
  }

  heads(channels: readonly BrokerChannel[]): Promise<readonly (Position | undefined)[]> {
    return this.#call('heads', async () => {
      const heads = await this.inner.heads(channels)
      await this.#wait(this.readMs)
      return heads.map((head, i) => (this.apart.has(channels[i]?.name ?? '') ? undefined : head))
    })
  }

  renew(channel: BrokerChannel, held: ReadonlyMap<string, number>, leaseMs: number): Promise<readonly string[]> {
    return this.#call('renew', () => this.inner.renew(channel, held, leaseMs))
  }

  onStatus(listener: (status: BrokerStatus) => void): () => void {
    this.#statusListeners.add(listener)
    return () => this.#statusListeners.delete(listener)
  }

  close(): Promise<void> {
    return this.inner.close()
  }

  #listen(channel: BrokerChannel, listener: FeedListener): Promise<Feed> {
    let last = 0
    return this.inner.subscribe(channel, (epoch, change) => {
      last = Math.max(last, this.#clock.now() + this.feedMs)
      if (last === this.#clock.now()) this.#deliver(listener, epoch, change)
      else this.#clock.setTimeout(() => this.#deliver(listener, epoch, change), last - this.#clock.now())
    })
  }

  #deliver(listener: FeedListener, epoch: string | null, change: Change): void {
    const fate = this.fates.shift() ?? 'told'
    const swapped = this.#swapped.get(listener)
    this.#swapped.delete(listener)
    if (fate === 'swapped' && !swapped) {
      this.#swapped.set(listener, { epoch, change })
      return
    }
    if (fate !== 'lost') listener(epoch, change)
    if (fate === 'twice') listener(epoch, change)
    if (swapped) listener(swapped.epoch, swapped.change)
  }

  #call<T>(method: Method, run: () => Promise<T>): Promise<T> {
    this.calls.set(method, (this.calls.get(method) ?? 0) + 1)
    const failure = this.failures.get(method)
    if (failure === 'throws') throw new Error(`${method} throws`)
    if (failure === 'rejects') return Promise.reject(new Error(`${method} rejects`))
    if (failure === 'hangs') return new Promise(() => undefined)
    return run()
  }

  #wait(ms: number): Promise<void> {
    return ms === 0 ? Promise.resolve() : new Promise(resolve => this.#clock.setTimeout(resolve, ms))
  }
}
