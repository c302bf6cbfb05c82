import { TautlineError } from '@tautline/core'
import { type Clock, type Position, systemClock } from '@tautline/core/wire'
import type { Broker, BrokerChannel, Feed, FeedListener, From, Page, PageLimit, Publication } from './broker.ts'
import { type HeldChannel, HeldChannels, type HeldLimits } from './memory/held-channels.ts'
import type { History } from './memory/history.ts'
import { LatestHistory } from './memory/latest-history.ts'
import { PublishedKeys } from './memory/published-keys.ts'

const MiB = 1_024 * 1_024

/** How much the memory broker keeps. */
export interface MemoryOptions {
  /** Bytes kept per channel; its oldest messages go first. Default 16 MiB. */
  readonly channelBytes?: number
  /** Bytes kept in all; the channels that were published on the longest ago lose messages first. Default 512 MiB. */
  readonly totalBytes?: number
  /** Where time comes from; that of the machine unless a test owns it. */
  readonly clock?: Clock
}

/**
 * The broker of a server that stands alone: everything is in this process, and gone with it. It is what a server uses
 * when it is given none.
 *
 * @throws TypeError for a number of bytes that is none.
 */
export function memory(options: MemoryOptions = {}): Broker {
  const { channelBytes = 16 * MiB, totalBytes = 512 * MiB, clock = quietClock } = options
  for (const [name, bytes] of Object.entries({ channelBytes, totalBytes })) {
    if (!Number.isSafeInteger(bytes) || bytes < 1) throw new TypeError(`memory: ${name} must be a positive integer`)
  }
  return new MemoryBroker(clock, { channelBytes, totalBytes })
}

class MemoryBroker implements Broker {
  readonly status = 'up'
  readonly #clock: Clock
  readonly #limits: HeldLimits
  readonly #channels: HeldChannels
  readonly #keys = new PublishedKeys()
  #closed = false

  constructor(clock: Clock, limits: HeldLimits) {
    this.#clock = clock
    this.#limits = limits
    this.#channels = new HeldChannels(clock, limits)
  }

  async publish(channel: BrokerChannel, publication: Publication): Promise<Position> {
    this.#checkOpen()
    const { idempotencyKey } = publication
    const now = this.#clock.now()
    const before = idempotencyKey === undefined ? undefined : this.#keys.find(channel.name, idempotencyKey, now)
    if (before) return before
    const position = this.#publish(this.#channels.hold(channel), publication, now)
    if (idempotencyKey !== undefined) this.#keys.add(channel.name, idempotencyKey, position, now)
    return position
  }

  async subscribe(channel: BrokerChannel, listener: FeedListener): Promise<Feed> {
    this.#checkOpen()
    const held = this.#channels.hold(channel)
    // Who subscribes twice with one function is told twice.
    const own: FeedListener = (epoch, change) => listener(epoch, change)
    held.listeners.add(own)
    this.#channels.rest(held)
    return {
      head: [held.epoch, held.history?.head ?? 0],
      close: () => {
        if (held.listeners.delete(own)) this.#channels.rest(held)
      },
    }
  }

  async read(channel: BrokerChannel, from: From, limit: PageLimit): Promise<Page> {
    this.#checkOpen()
    const held = this.#channels.hold(channel)
    const { epoch, history } = held
    if (epoch === null || !history) throw new TypeError(`${channel.name} retains nothing that could be read`)
    const page = { epoch, ...history.read(from, limit), head: history.head, floor: history.floor }
    this.#channels.rest(held)
    return page
  }

  async heads(channels: readonly BrokerChannel[]): Promise<readonly Position[]> {
    this.#checkOpen()
    return channels.map(channel => {
      const held = this.#channels.find(channel)
      return held ? [held.epoch, held.history?.head ?? 0] : [this.#channels.epochOf(channel), 0]
    })
  }

  async renew(channel: BrokerChannel, leases: ReadonlyMap<string, number>, leaseMs: number): Promise<string[]> {
    this.#checkOpen()
    const history = this.#channels.find(channel)?.history
    if (!(history instanceof LatestHistory)) return [...leases.keys()]
    const until = this.#clock.now() + leaseMs
    return [...leases].filter(([key, offset]) => !history.renew(key, offset, until)).map(([key]) => key)
  }

  onStatus(): () => void {
    return () => undefined
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#channels.clear()
  }

  #publish(held: HeldChannel, { body, key, leaseMs, ifOffset }: Publication, at: number): Position {
    const { epoch, history } = held
    if (!history) {
      this.#channels.tell(held, [{ offset: 0, body, key }])
      this.#channels.rest(held)
      return [null, 0]
    }
    if (!body && !isThere(history, key, ifOffset)) return [epoch, history.head]
    if (body && body.length > this.#limits.channelBytes) {
      throw new TautlineError('RESOURCE_EXHAUSTED', 'larger than all that a channel may keep', { mayHaveRun: false })
    }
    // Its own offset is the first one: what no longer fits beside it may be retracted in the same step.
    const offset = history.head + 1
    this.#channels.change(held, () => history.add({ body, key, at, leaseMs: leaseMs ?? Number.POSITIVE_INFINITY }))
    this.#channels.published(held)
    return [epoch, offset]
  }

  #checkOpen(): void {
    if (this.#closed) throw new TautlineError('UNAVAILABLE', 'the broker is closed', { mayHaveRun: false })
  }
}

/** A broker that only waits for something to expire keeps no process alive. */
const quietClock: Clock = {
  ...systemClock,
  setTimeout(run, ms) {
    const timer = setTimeout(run, ms)
    timer.unref()
    return timer
  },
}

function isThere(history: History, key: string | undefined, ifOffset: number | undefined): boolean {
  if (!(history instanceof LatestHistory) || key === undefined) return false
  const newest = history.newest(key)
  return newest !== undefined && (ifOffset === undefined || newest.offset === ifOffset)
}
