import { TautlineError } from '@tautline/core'
import { type Clock, type Deadline, Deadlines, type Position, systemClock } from '@tautline/core/wire'
import { nanoid } from 'nanoid'
import type { Broker, BrokerChannel, Change, Feed, FeedListener, From, Page, PageLimit, Publication } from './broker.ts'
import type { History } from './history.ts'
import { LatestHistory } from './latest-history.ts'
import { LogHistory } from './log-history.ts'
import { PublishedKeys } from './published-keys.ts'

const MiB = 1_024 * 1_024

/** An empty channel is remembered for so long after its last subscriber has left, in ms. */
const IDLE_MS = 86_400_000
/** What is too old goes at most so many ms late; who reads never sees it. */
const EXPIRY_MS = 250
/** No timer is set for longer: the platform's have an end. */
const LONGEST_TIMER_MS = 86_400_000
/** What a channel costs beside its messages, in bytes. */
const OVERHEAD = 512

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
  return new MemoryBroker(options)
}

interface Held {
  readonly channel: BrokerChannel
  readonly epoch: string | null
  readonly history: History | undefined
  readonly listeners: Set<FeedListener>
  expiry: { readonly at: number; readonly deadline: Deadline } | undefined
}

class MemoryBroker implements Broker {
  readonly status = 'up'
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #channelBytes: number
  readonly #totalBytes: number
  /** In the order in which they were last published on. */
  readonly #held = new Map<string, Held>()
  /** Those that nobody is subscribed to and that keep no message, with the time since when. */
  readonly #idle = new Map<string, number>()
  readonly #keys = new PublishedKeys()
  readonly #name = nanoid(12)
  #dropped = 0
  #bytes = 0
  #closed = false

  constructor({ channelBytes = 16 * MiB, totalBytes = 512 * MiB, clock = quietClock }: MemoryOptions) {
    this.#channelBytes = bytesOf('channelBytes', channelBytes)
    this.#totalBytes = bytesOf('totalBytes', totalBytes)
    this.#clock = clock
    this.#deadlines = new Deadlines(clock, EXPIRY_MS)
  }

  async publish(channel: BrokerChannel, publication: Publication): Promise<Position> {
    this.#checkOpen()
    const { idempotencyKey } = publication
    const now = this.#clock.now()
    const before = idempotencyKey === undefined ? undefined : this.#keys.find(channel.name, idempotencyKey, now)
    if (before) return before
    const position = this.#publish(channel, publication, now)
    if (idempotencyKey !== undefined) this.#keys.add(channel.name, idempotencyKey, position, now)
    return position
  }

  async subscribe(channel: BrokerChannel, listener: FeedListener): Promise<Feed> {
    this.#checkOpen()
    const held = this.#hold(channel)
    const own: FeedListener = (epoch, change) => listener(epoch, change)
    held.listeners.add(own)
    this.#idle.delete(channel.name)
    this.#expire(held)
    return {
      head: [held.epoch, held.history?.head ?? 0],
      close: () => {
        if (held.listeners.delete(own)) this.#rest(held)
      },
    }
  }

  async read(channel: BrokerChannel, from: From, limit: PageLimit): Promise<Page> {
    this.#checkOpen()
    const held = this.#hold(channel)
    const { epoch, history } = held
    if (epoch === null || !history) throw new TypeError(`${channel.name} retains nothing that could be read`)
    this.#expire(held)
    const page = { epoch, ...history.read(from, limit), head: history.head, floor: history.floor }
    this.#rest(held)
    return page
  }

  async heads(channels: readonly BrokerChannel[]): Promise<readonly Position[]> {
    this.#checkOpen()
    return channels.map(channel => {
      const held = this.#held.get(channel.name)
      return [held ? held.epoch : this.#epochOf(channel), held?.history?.head ?? 0]
    })
  }

  async renew(channel: BrokerChannel, leases: ReadonlyMap<string, number>, leaseMs: number): Promise<string[]> {
    this.#checkOpen()
    const held = this.#held.get(channel.name)
    if (held) this.#expire(held)
    const history = held?.history
    if (!held || !(history instanceof LatestHistory)) return [...leases.keys()]
    const until = this.#clock.now() + leaseMs
    return [...leases].filter(([key, offset]) => !history.renew(key, offset, until)).map(([key]) => key)
  }

  onStatus(): () => void {
    return () => undefined
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#deadlines.clear()
    this.#held.clear()
    this.#idle.clear()
  }

  #publish(channel: BrokerChannel, publication: Publication, now: number): Position {
    const { body, key, leaseMs = Number.POSITIVE_INFINITY, ifOffset } = publication
    const held = this.#hold(channel)
    const { epoch, history } = held
    if (!history) {
      this.#tell(held, [{ offset: 0, body, key }])
      this.#rest(held)
      return [null, 0]
    }
    this.#expire(held)
    if (body ? body.length > this.#channelBytes : !isThere(history, key, ifOffset)) {
      if (!body) return [epoch, history.head]
      throw new TautlineError('RESOURCE_EXHAUSTED', 'larger than all that a channel may keep', { mayHaveRun: false })
    }
    const told = this.#change(held, () => history.add({ body, key, at: now, leaseMs }))
    this.#held.delete(channel.name)
    this.#held.set(channel.name, held)
    this.#rest(held)
    this.#relieve(now)
    return [epoch, told[0]?.offset ?? history.head]
  }

  #hold(channel: BrokerChannel): Held {
    this.#dropIdle()
    const known = this.#held.get(channel.name)
    if (known) return known
    const { retain } = channel
    const epoch = this.#epochOf(channel)
    const bytes = this.#channelBytes
    const history =
      retain.kind === 'none'
        ? undefined
        : new (retain.kind === 'log' ? LogHistory : LatestHistory)({
            count: retain.count,
            ms: retain.seconds * 1_000,
            bytes,
          })
    const held = { channel, epoch, history, listeners: new Set<FeedListener>(), expiry: undefined }
    this.#held.set(channel.name, held)
    this.#bytes += OVERHEAD
    return held
  }

  /** As long as none was dropped, an empty channel needs no memory to come back with the same epoch. */
  #epochOf({ retain }: BrokerChannel): string | null {
    return retain.kind === 'none' ? null : `${this.#name}-${this.#dropped}`
  }

  /** Lets a history change, keeps count of its bytes, and tells what came of it. */
  #change(held: Held, change: () => readonly Change[]): readonly Change[] {
    const { history } = held
    const before = history?.bytes ?? 0
    const told = change()
    this.#bytes += (history?.bytes ?? 0) - before
    this.#tell(held, told)
    return told
  }

  #tell({ epoch, listeners }: Held, changes: readonly Change[]): void {
    for (const change of changes) for (const listener of listeners) listener(epoch, change)
  }

  #expire(held: Held): void {
    const { history } = held
    const now = this.#clock.now()
    if (history && history.expiresAt <= now) this.#change(held, () => history.expire(now))
  }

  /** After whatever happened to a channel: when to look again, and whether it is still needed. */
  #rest(held: Held): void {
    const { channel, history, listeners, expiry } = held
    if (this.#held.get(channel.name) !== held) return
    const idle = listeners.size === 0 && (history?.empty ?? true)
    if (idle && (history?.head ?? 0) === 0) return this.#drop(held)
    if (!idle) this.#idle.delete(channel.name)
    else if (!this.#idle.has(channel.name)) this.#idle.set(channel.name, this.#clock.now())
    const at = history?.expiresAt ?? Number.POSITIVE_INFINITY
    if (expiry && expiry.at <= at) return
    this.#deadlines.delete(expiry?.deadline)
    held.expiry = undefined
    if (at === Number.POSITIVE_INFINITY) return
    const ms = Math.min(Math.max(0, at - this.#clock.now()), LONGEST_TIMER_MS)
    const look = () => {
      held.expiry = undefined
      this.#expire(held)
      this.#rest(held)
    }
    held.expiry = { at, deadline: this.#deadlines.add(ms, look) }
  }

  #dropIdle(): void {
    const now = this.#clock.now()
    for (const [name, since] of this.#idle) {
      const held = this.#held.get(name)
      if (now - since < IDLE_MS) return
      if (held) this.#drop(held)
    }
  }

  /** Too much is kept in all. */
  #relieve(now: number): void {
    for (const held of this.#held.values()) {
      if (this.#bytes <= this.#totalBytes) return
      const { history } = held
      while (history && !history.empty && this.#bytes > this.#totalBytes) {
        this.#change(held, () => history.shrink(now))
      }
      this.#rest(held)
      if (this.#bytes > this.#totalBytes && this.#idle.has(held.channel.name)) this.#drop(held)
    }
  }

  #drop({ channel, history, expiry }: Held): void {
    this.#deadlines.delete(expiry?.deadline)
    this.#held.delete(channel.name)
    this.#idle.delete(channel.name)
    this.#bytes -= OVERHEAD + (history?.bytes ?? 0)
    if (history && history.head > 0) this.#dropped += 1
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

function bytesOf(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw new TypeError(`memory: ${name} must be a positive integer`)
}
