import type { From, PageLimit } from '@tautline/server'
import {
  type ChannelIndex,
  type ChannelLimits,
  costOf,
  type Draft,
  type Garbage,
  INDEX_WEIGHT,
  NO_RECORD,
  type Piece,
  pieceOf,
  type Ref,
} from './channel-index.ts'
import { LatestDraft, type LatestState } from './latest-draft.ts'
import { OnceKeys } from './once-keys.ts'
import { beforeOf, type ChannelRecord, type Entry, type Stored } from './record.ts'

/** Retractions are remembered for subscribers who were away: so many of them, for so many ms. */
const RETRACTIONS = 1_000
const RETRACTION_MS = 600_000
/** So many messages are worth being dropped together; of more than the most, the stream is asked again later. */
const WORTH_MESSAGES = 64
const MOST_GARBAGE = 4_096

/** The newest message of a key. */
interface KeptMessage extends Ref {
  readonly key: string
  readonly size: number
  /** When it goes whatever its lease says, in ms of the engine's clock. */
  readonly lastsUntil: number
  readonly dueAt: number
  /** Where its lease was renewed the last time. */
  readonly renewal: number
}

interface KeptRetraction extends Ref {
  readonly key: string
  readonly at: number
}

/** Where the newest change of each key of a channel is. */
export class LatestIndex implements ChannelIndex, LatestState {
  readonly epoch: string
  readonly from = 0
  seq: number
  id = NO_RECORD
  at = 0
  head = 0
  floor = 0
  bytes = 0
  /** When all that is kept is over, at the latest. */
  until = 0
  readonly limits: ChannelLimits
  readonly #once = new OnceKeys()
  /** Both in order of offsets. */
  readonly #messages = new Map<string, KeptMessage>()
  readonly #retractions = new Map<string, KeptRetraction>()
  /** How many entries of each message of the stream are still of use. */
  readonly #used = new Map<number, number>()
  /** Forgotten, and no record says so yet: whoever reads the stream has to find them. */
  #forgotten: KeptRetraction[] = []
  #garbage: number[] = []
  /** Nothing is due before that. */
  #dueAt = Number.POSITIVE_INFINITY

  constructor(epoch: string, limits: ChannelLimits, seq: number) {
    this.epoch = epoch
    this.seq = seq
    this.limits = limits
  }

  get weight(): number {
    return INDEX_WEIGHT + this.#messages.size + this.#retractions.size
  }

  get kept(): number {
    return this.#messages.size
  }

  hasKeys(): boolean {
    return true
  }

  isWhole({ kept }: ChannelRecord): boolean {
    return this.#messages.size === kept
  }

  newest(key: string): KeptMessage | undefined {
    return this.#messages.get(key)
  }

  messages(): IterableIterator<KeptMessage> {
    return this.#messages.values()
  }

  findOnce(once: string, now: number): number | undefined {
    return this.#once.find(once, now)
  }

  apply({ seq, record }: Stored): void {
    this.#used.set(seq, 0)
    let [offset, start] = [beforeOf(record), 0]
    for (const entry of record.entries) {
      if (entry.kind === 'renewal') this.#renew(entry, seq, record.at)
      else if (entry.kind === 'retraction') this.#retract({ key: entry.key, offset: ++offset, seq, at: record.at })
      else {
        this.#put(entry, ++offset, seq, start, record)
        start += entry.size
      }
    }
    const before = this.seq
    this.head = record.head
    this.seq = seq
    this.id = record.id
    this.at = record.at
    if (this.#messages.size === 0) this.until = record.at
    this.#unuse(before, 0)
    this.#record(record.floor)
    while (this.#retractions.size > RETRACTIONS) if (!this.#forgetOldest()) break
  }

  settle(now: number): void {
    for (const { at } of this.#retractions.values()) {
      if (at + RETRACTION_MS > now || !this.#forgetOldest()) return
    }
  }

  dueIn(now: number): number {
    if (this.#dueAt <= now) {
      this.#dueAt = Number.POSITIVE_INFINITY
      for (const { dueAt } of this.#messages.values()) this.#dueAt = Math.min(this.#dueAt, dueAt)
    }
    return Math.max(0, this.#dueAt - now)
  }

  draft(now: number): Draft {
    return new LatestDraft(this, now, this.dueIn(now) === 0)
  }

  read(from: From, limit: PageLimit): Piece {
    const after = 'after' in from ? from.after : this.#beforeNewest(from.newest)
    return pieceOf(this.#since(after), after, this.head, limit)
  }

  lose(seq: number): boolean {
    return !this.#used.get(seq)
  }

  garbage(now: number): Garbage | undefined {
    if (this.#garbage.length < WORTH_MESSAGES) return undefined
    const once = this.#once.kept(now)
    const stays = (seq: number) => seq === this.seq || once.has(seq)
    const kept = [...this.#used.keys(), ...once, this.seq]
    const before = kept.reduce((least, seq) => Math.min(least, seq), this.seq)
    const single = this.#garbage.filter(seq => seq > before && !stays(seq))
    this.#garbage = this.#garbage.filter(stays)
    return { before, single }
  }

  #put(
    { key = '', size, leaseMs = Number.POSITIVE_INFINITY, once }: Entry & { kind: 'message' },
    offset: number,
    seq: number,
    start: number,
    { at, lastsMs }: ChannelRecord,
  ): void {
    this.#remove(key)
    const lastsUntil = lastsMs > 0 ? at + lastsMs : Number.POSITIVE_INFINITY
    const dueAt = Math.min(lastsUntil, at + leaseMs)
    this.#messages.set(key, { offset, key, size, seq, start, lastsUntil, dueAt, renewal: seq })
    this.#use(seq)
    this.bytes += costOf(size, key)
    this.#dueAt = Math.min(this.#dueAt, dueAt)
    this.until = Math.max(this.until, dueAt)
    if (once !== undefined) this.#once.add(once, offset, seq, at)
  }

  #retract({ key, offset, seq, at }: Pick<KeptRetraction, 'key' | 'offset' | 'seq' | 'at'>): void {
    this.#remove(key)
    this.#retractions.set(key, { offset, key, seq, at, start: 0, size: undefined })
    this.#use(seq)
  }

  #renew({ key, offset, leaseMs }: Entry & { kind: 'renewal' }, seq: number, at: number): void {
    const message = this.#messages.get(key)
    if (message?.offset !== offset) return
    const dueAt = Math.min(message.lastsUntil, at + leaseMs)
    this.#messages.set(key, { ...message, dueAt, renewal: seq })
    this.#dueAt = Math.min(this.#dueAt, dueAt)
    this.until = Math.max(this.until, dueAt)
    this.#use(seq)
    if (message.renewal !== message.seq) this.#unuse(message.renewal)
  }

  #remove(key: string): void {
    const message = this.#messages.get(key)
    const retraction = this.#retractions.get(key)
    this.#messages.delete(key)
    this.#retractions.delete(key)
    if (message) {
      this.bytes -= costOf(message.size, key)
      this.#unuse(message.seq)
      if (message.renewal !== message.seq) this.#unuse(message.renewal)
    }
    if (retraction) this.#unuse(retraction.seq)
  }

  /** Whether it could be forgotten: the newest change is known in any case. */
  #forgetOldest(): boolean {
    const [oldest] = this.#retractions.values()
    if (!oldest || oldest.offset === this.head) return false
    this.#retractions.delete(oldest.key)
    this.floor = Math.max(this.floor, oldest.offset)
    this.#forgotten.push(oldest)
    return true
  }

  /** A record says what is forgotten: then the stream need not have it any more. */
  #record(floor: number): void {
    this.floor = Math.max(this.floor, floor)
    if (this.#forgotten.length === 0) return
    for (const { offset, seq } of this.#forgotten) if (offset <= floor) this.#unuse(seq)
    this.#forgotten = this.#forgotten.filter(({ offset }) => offset > floor)
  }

  #use(seq: number): void {
    this.#used.set(seq, (this.#used.get(seq) ?? 0) + 1)
  }

  #unuse(seq: number, by = 1): void {
    const used = this.#used.get(seq)
    if (used === undefined) return
    if (used > by) return void this.#used.set(seq, used - by)
    this.#used.delete(seq)
    this.#garbage.push(seq)
    if (this.#garbage.length > MOST_GARBAGE) this.#garbage.shift()
  }

  /** Both kinds, merged by offset. */
  *#since(offset: number): Generator<Ref, void, undefined> {
    const messages = this.#messages.values()
    const retractions = this.#retractions.values()
    const next = (refs: IterableIterator<Ref>) => {
      let ref = refs.next().value as Ref | undefined
      while (ref && ref.offset <= offset) ref = refs.next().value as Ref | undefined
      return ref
    }
    let [message, retraction] = [next(messages), next(retractions)]
    while (message || retraction) {
      const isMessage = message && (!retraction || message.offset < retraction.offset)
      if (isMessage && message) {
        yield message
        message = next(messages)
      } else if (retraction) {
        yield retraction
        retraction = next(retractions)
      }
    }
  }

  /** The offset before the `count` newest messages; 0 when there are not more. */
  #beforeNewest(count: number): number {
    if (count === 0) return this.head
    if (count >= this.#messages.size) return 0
    const oldest = [...this.#messages.values()].at(-count)
    return oldest ? oldest.offset - 1 : 0
  }
}
