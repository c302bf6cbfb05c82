import { type Clock, type Deadline, Deadlines } from '@tautline/core/wire'
import { nanoid } from 'nanoid'
import type { BrokerChannel, Change, FeedListener, Retention } from '../broker.ts'
import { Recency } from '../recency.ts'
import type { History, HistoryLimits } from './history.ts'
import { LatestHistory } from './latest-history.ts'
import { LogHistory } from './log-history.ts'

/** An empty channel is remembered for so long after its last subscriber has left, in ms. */
const IDLE_MS = 86_400_000
/** What is too old goes at most so many ms late; who reads never sees it. */
const EXPIRY_MS = 250
/** No timer is set for longer: the platform's have an end. */
const LONGEST_TIMER_MS = 86_400_000
/** What a channel costs beside its messages, in bytes. */
const OVERHEAD = 2_048

/** One channel: what it remembers, and who is told of what is new. */
export interface HeldChannel {
  readonly channel: BrokerChannel
  readonly epoch: string | null
  /** Not there where nothing is retained. */
  readonly history: History | undefined
  readonly listeners: Set<FeedListener>
  expiry: { readonly at: number; readonly deadline: Deadline } | undefined
}

/** How much is kept. */
export interface HeldLimits {
  readonly channelBytes: number
  readonly totalBytes: number
}

/** The channels of a memory broker: each as long as it is needed, all of them within bounds, on one timer. */
export class HeldChannels {
  readonly #clock: Clock
  readonly #limits: HeldLimits
  readonly #deadlines: Deadlines
  readonly #all = new Map<string, HeldChannel>()
  /** In which order they were last published on. */
  readonly #published = new Recency<HeldChannel>()
  /** Those that nobody is subscribed to and that keep no message, with the time since when. */
  readonly #idle = new Map<string, number>()
  readonly #name = nanoid(12)
  #dropped = 0
  #bytes = 0

  constructor(clock: Clock, limits: HeldLimits) {
    this.#clock = clock
    this.#limits = limits
    this.#deadlines = new Deadlines(clock, EXPIRY_MS)
  }

  /** A channel that is held, with nothing in it that is too old. */
  find({ name }: BrokerChannel): HeldChannel | undefined {
    const held = this.#all.get(name)
    if (held) this.#expire(held)
    return held
  }

  /** Holds a channel; {@link HeldChannels.rest} gives it up again when it is not needed. */
  hold(channel: BrokerChannel): HeldChannel {
    this.#dropIdle()
    const known = this.find(channel)
    if (known) return known
    const history = historyOf(channel.retain, this.#limits.channelBytes)
    const held = {
      channel,
      epoch: this.epochOf(channel),
      history,
      listeners: new Set<FeedListener>(),
      expiry: undefined,
    }
    this.#all.set(channel.name, held)
    this.#published.use(held)
    this.#bytes += OVERHEAD
    return held
  }

  /** As long as none was dropped, an empty channel needs no memory to come back with the same epoch. */
  epochOf({ retain }: BrokerChannel): string | null {
    return retain.kind === 'none' ? null : `${this.#name}-${this.#dropped}`
  }

  /** Lets a history change, counts its bytes, and tells what came of it. */
  change(held: HeldChannel, change: (history: History) => readonly Change[]): void {
    const { history } = held
    if (!history) return
    const before = history.bytes
    const told = change(history)
    this.#bytes += history.bytes - before
    this.tell(held, told)
  }

  tell({ epoch, listeners }: HeldChannel, changes: readonly Change[]): void {
    for (const change of changes) for (const listener of listeners) listener(epoch, change)
  }

  /** It was published on: it is the last to lose messages when too much is kept in all. */
  published(held: HeldChannel): void {
    this.#published.use(held)
    this.rest(held)
    this.#relieve()
  }

  /** After whatever happened to a channel: is it still needed, and when must it be looked at again? */
  rest(held: HeldChannel): void {
    const { channel, history, listeners } = held
    if (this.#all.get(channel.name) !== held) return
    const isIdle = listeners.size === 0 && (history?.empty ?? true)
    if (isIdle && (history?.head ?? 0) === 0) return this.#drop(held)
    if (!isIdle) this.#idle.delete(channel.name)
    else if (!this.#idle.has(channel.name)) this.#idle.set(channel.name, this.#clock.now())
    this.#arm(held, history?.expiresAt ?? Number.POSITIVE_INFINITY)
  }

  clear(): void {
    this.#deadlines.clear()
    this.#all.clear()
    this.#published.clear()
    this.#idle.clear()
  }

  #arm(held: HeldChannel, at: number): void {
    if (held.expiry && held.expiry.at <= at) return
    this.#deadlines.delete(held.expiry?.deadline)
    held.expiry = undefined
    if (at === Number.POSITIVE_INFINITY) return
    const ms = Math.min(Math.max(0, at - this.#clock.now()), LONGEST_TIMER_MS)
    const look = () => {
      held.expiry = undefined
      this.#expire(held)
      this.rest(held)
    }
    held.expiry = { at, deadline: this.#deadlines.add(ms, look) }
  }

  #expire(held: HeldChannel): void {
    const now = this.#clock.now()
    if (held.history && held.history.expiresAt <= now) this.change(held, history => history.expire(now))
  }

  #dropIdle(): void {
    const now = this.#clock.now()
    for (const [name, since] of this.#idle) {
      const held = this.#all.get(name)
      if (now - since < IDLE_MS) return
      if (held) this.#drop(held)
    }
  }

  /** Too much is kept in all. */
  #relieve(): void {
    const { totalBytes } = this.#limits
    if (this.#bytes <= totalBytes) return
    const now = this.#clock.now()
    for (let held = this.#published.oldest, next = held; held && this.#bytes > totalBytes; held = next) {
      // It may be dropped meanwhile.
      next = this.#published.after(held)
      while (held.history?.empty === false && this.#bytes > totalBytes)
        this.change(held, history => history.shrink(now))
      this.rest(held)
      if (this.#bytes > totalBytes && this.#idle.has(held.channel.name)) this.#drop(held)
    }
  }

  #drop(held: HeldChannel): void {
    const { channel, history, expiry } = held
    this.#deadlines.delete(expiry?.deadline)
    this.#all.delete(channel.name)
    this.#published.delete(held)
    this.#idle.delete(channel.name)
    this.#bytes -= OVERHEAD + (history?.bytes ?? 0)
    if (history && history.head > 0) this.#dropped += 1
  }
}

function historyOf(retain: Retention, bytes: number): History | undefined {
  if (retain.kind === 'none') return undefined
  const limits: HistoryLimits = { count: retain.count, ms: retain.seconds * 1_000, bytes }
  return retain.kind === 'log' ? new LogHistory(limits) : new LatestHistory(limits)
}
