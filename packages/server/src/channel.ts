import { TautlineError } from '@tautline/core'
import type { Deadline, Deadlines, Position } from '@tautline/core/wire'
import type { Broker, BrokerChannel, Change, Feed, From, Page } from './broker.ts'
import { Entry, Ring, type Rings } from './ring.ts'
import type { Tick } from './tick.ts'

/** Read at once from a channel's memory. */
const PAGE = { messages: 256, bytes: 64 * 1_024 }

/** What is pushed of a tick in one go, in bytes. */
const PUSH_BYTES = 64 * 1_024

/** After a failure the broker is asked again so many ms later. */
const RETRY_MS = 1_000

/** One socket's place in a channel: see `Cursor`. */
export interface Reader {
  /** At the newest: here is what follows; with its frames when it is little, and nothing else is pushed in this tick. */
  push(entries: readonly Entry[], frames: readonly Uint8Array[] | undefined): void
  /** No longer at the newest, or no longer waiting: go on reading. */
  advance(): void
}

/** A piece of a channel's memory, ready for sockets; see `Page`. */
export type Stretch = Omit<Page, 'changes'> & { readonly entries: readonly Entry[] }

/** What all channels of a server share. */
export interface ChannelParts {
  readonly broker: Broker
  readonly deadlines: Deadlines
  readonly rings: Rings
  readonly tick: Tick
}

/** A topic with its params, as this server follows it: one feed of the broker for however many sockets. */
export class Channel {
  readonly ref: BrokerChannel
  /** Resolves when the feed is held. */
  readonly opened: Promise<void>
  readonly #parts: ChannelParts
  readonly #ring: Ring
  /** Those that have everything and wait for what is new. */
  readonly #live = new Set<Reader>()
  /** Those that could not read and wait for the next try. */
  readonly #stalled = new Set<Reader>()
  /** What was told in this tick and is pushed at the end of it, so that each socket is looked at and written to once. */
  #fresh: Entry[] = []
  #freshBytes = 0
  readonly #reads = new Map<string, Promise<Stretch>>()
  #state: 'opening' | 'open' | 'closed' = 'opening'
  #feed: Feed | undefined
  #epoch: string | null = null
  #turns = 0
  /** The newest that was told and could not be placed: before the feed was held, or of an epoch that is not known. */
  #ahead: Position | undefined
  #checking = false
  #retry: Deadline | undefined

  /** @throws what {@link Channel.opened} rejects with: `UNAVAILABLE`. */
  constructor(ref: BrokerChannel, parts: ChannelParts) {
    this.ref = ref
    this.#parts = parts
    this.#ring = new Ring(parts.rings)
    this.opened = this.#open()
    this.opened.catch(() => undefined)
  }

  /** The epoch of its memory; null where nothing is retained. */
  get epoch(): string | null {
    return this.#epoch
  }

  /** The newest offset. */
  get head(): number {
    return this.#ring.head
  }

  /** How often the epoch has changed. What was asked before a change says nothing after it. */
  get turns(): number {
    return this.#turns
  }

  get retains(): boolean {
    return this.ref.retain.kind !== 'none'
  }

  /** Pushes what is new to a reader that is at the newest. */
  join(reader: Reader): void {
    this.#live.add(reader)
  }

  /** No longer pushes to it. */
  leave(reader: Reader): void {
    this.#live.delete(reader)
    this.#stalled.delete(reader)
    if (this.#stalled.size === 0) this.#calm()
  }

  /** Lets a reader go on later: the broker did not answer it. */
  stall(reader: Reader): void {
    this.#stalled.add(reader)
    this.#retry ??= this.#parts.deadlines.add(RETRY_MS, () => this.resume())
  }

  /** Lets those go on that the broker did not answer. */
  resume(): void {
    this.#calm()
    const stalled = [...this.#stalled]
    this.#stalled.clear()
    for (const reader of stalled) reader.advance()
  }

  /** Whether all that follows `after` is at hand, so that nobody need be asked. */
  has(after: number): boolean {
    return this.#state === 'open' && this.retains && this.#ring.has(after)
  }

  /** What follows `after`, all of it, if that is at hand. */
  recent(after: number): Stretch | undefined {
    const { head, from: floor } = this.#ring
    if (this.#epoch === null || !this.has(after)) return undefined
    return { epoch: this.#epoch, after, through: head, head, floor, entries: this.#ring.since(after) }
  }

  /**
   * A page of its memory. Those who ask for the same at the same time share one.
   *
   * @throws {@link TautlineError} `UNAVAILABLE`, also when nobody follows the channel any more.
   */
  read(from: From): Promise<Stretch> {
    const name = 'after' in from ? `after ${from.after}` : `newest ${from.newest}`
    const running = this.#reads.get(name)
    if (running) return running
    const reading = this.#read(from).finally(() => {
      if (this.#reads.get(name) === reading) this.#reads.delete(name)
    })
    this.#reads.set(name, reading)
    return reading
  }

  /** The broker's newest position, asked for when there had been so many turns. */
  learn([epoch, head]: Position, turns: number): void {
    if (this.#state !== 'open' || turns !== this.#turns) return
    if (epoch !== this.#epoch) this.#turn(epoch, head)
    else if (head > this.head) this.#skipTo(head)
  }

  /** Nobody follows it any more. */
  close(): void {
    this.#state = 'closed'
    this.#fresh = []
    this.#feed?.close()
    this.#ring.clear()
    this.#calm()
  }

  async #open(): Promise<void> {
    const feed = await this.#parts.broker.subscribe(this.ref, this.#told)
    if (this.#state === 'closed') return feed.close()
    this.#state = 'open'
    this.#feed = feed
    this.#turn(...feed.head)
  }

  /** One change, as the broker's feed tells it: in order, mostly. */
  readonly #told = (epoch: string | null, change: Change): void => {
    if (this.#state === 'closed') return
    if (this.#state === 'opening' || epoch !== this.#epoch) return this.#foretold(epoch, change.offset)
    const entry = new Entry(this.ref, epoch, change)
    if (!this.retains) return this.#push(entry)
    if (entry.offset <= this.head) return
    // Those who are at the newest read what is missing, like all who are behind.
    if (entry.offset > this.head + 1) return this.#skipTo(entry.offset)
    this.#ring.push(entry)
    this.#push(entry)
  }

  #push(entry: Entry): void {
    if (this.#live.size === 0) return
    this.#freshBytes += entry.size
    if (this.#fresh.push(entry) === 1) this.#parts.tick.end(this.#pushFresh)
  }

  readonly #pushFresh = (alone: boolean): void => {
    const now = alone && this.#freshBytes <= PUSH_BYTES
    const fresh = this.#fresh
    this.#fresh = []
    this.#freshBytes = 0
    if (fresh.length === 0 || this.#live.size === 0) return
    const frames = now ? fresh.map(({ frame }) => frame) : undefined
    for (const reader of this.#live) reader.push(fresh, frames)
  }

  #foretold(epoch: string | null, offset: number): void {
    if (this.#ahead?.[0] !== epoch || offset > this.#ahead[1]) this.#ahead = [epoch, offset]
    if (this.#state === 'open' && !this.#checking) void this.#check()
  }

  /** The feed tells of another epoch: the broker knows which is the newer one. */
  async #check(): Promise<void> {
    const turns = this.#turns
    this.#checking = true
    try {
      const [position] = await this.#parts.broker.heads([this.ref])
      if (position) this.learn(position, turns)
    } catch {
      // The check that all channels get every 10 s comes back to it.
    } finally {
      this.#checking = false
    }
  }

  /** The memory behind it is another one. */
  #turn(epoch: string | null, head: number): void {
    const ahead = this.#ahead
    this.#ahead = undefined
    this.#turns += 1
    this.#epoch = epoch
    this.#skipTo(ahead?.[0] === epoch ? Math.max(head, ahead[1]) : head)
  }

  /** What lies between is not known here: whoever wants it reads it. */
  #skipTo(head: number): void {
    this.#pushFresh(false)
    this.#ring.restart(head)
    const live = [...this.#live]
    this.#live.clear()
    for (const reader of live) reader.advance()
  }

  async #read(from: From): Promise<Stretch> {
    if (this.#state === 'closed') throw new TautlineError('UNAVAILABLE', 'the channel was given up')
    const turns = this.#turns
    const { changes, ...page } = await this.#parts.broker.read(this.ref, from, PAGE)
    if (turns === this.#turns && page.epoch !== this.#epoch) this.learn([page.epoch, page.head], turns)
    const entries = changes.map(change => new Entry(this.ref, page.epoch, change))
    if (page.epoch === this.#epoch && page.floor <= page.after) this.#ring.extend(page.after, page.through, entries)
    return { ...page, entries }
  }

  #calm(): void {
    this.#parts.deadlines.delete(this.#retry)
    this.#retry = undefined
  }
}
