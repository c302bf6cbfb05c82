import type { From, PageLimit, Publication } from '@tautline/server'
import {
  type ChannelIndex,
  type ChannelLimits,
  costOf,
  type Draft,
  type Garbage,
  headerBytesOf,
  INDEX_WEIGHT,
  NO_RECORD,
  type Piece,
  pieceOf,
  type Ref,
} from './channel-index.ts'
import { OnceKeys, REMEMBERED_MS } from './once-keys.ts'
import { beforeOf, type Entry, type Stored } from './record.ts'

/** So many messages, or so many of their bytes, are worth being dropped together. */
const WORTH_MESSAGES = 64
const WORTH_BYTES = 1_024 * 1_024

type Kept = Ref & { readonly size: number; readonly at: number }

/** Where the last messages of a channel are. */
export class LogIndex implements ChannelIndex {
  readonly epoch: string
  seq: number
  id = NO_RECORD
  at = 0
  head = 0
  floor = 0
  from = 0
  readonly #limits: ChannelLimits
  readonly #once = new OnceKeys()
  #kept: (Kept | undefined)[] = []
  #first = 0
  #bytes = 0
  #gone = 0
  #goneBytes = 0
  /** Whether it begins with some record, and not with the oldest. */
  #partial: boolean
  /** When the first record that it has was written. */
  #since = Number.POSITIVE_INFINITY

  /**
   * @param seq - of what is in the place of its first record, if anything is.
   * @param partial - whether its first record may not be the oldest that there is.
   */
  constructor(epoch: string, limits: ChannelLimits, seq: number, partial: boolean) {
    this.epoch = epoch
    this.seq = seq
    this.#limits = limits
    this.#partial = partial
  }

  get weight(): number {
    return INDEX_WEIGHT + this.#size
  }

  hasKeys(now: number): boolean {
    return !this.#partial || this.#since + REMEMBERED_MS < now
  }

  isWhole(): boolean {
    return true
  }

  apply({ seq, previous, record }: Stored): void {
    const before = beforeOf(record)
    if (before !== this.head) this.#restart(before)
    if (this.#since === Number.POSITIVE_INFINITY) {
      this.#since = record.at
      this.#partial &&= previous !== 0
      if (this.#partial) this.from = before
    }
    let start = 0
    for (const entry of record.entries) {
      if (entry.kind !== 'message') continue
      this.head += 1
      const { key, size, once } = entry
      this.#kept.push({ offset: this.head, key, size, seq, start, at: record.at })
      this.#bytes += costOf(size, key)
      start += size
      if (once !== undefined) this.#once.add(once, this.head, seq, record.at)
    }
    this.head = record.head
    this.seq = seq
    this.id = record.id
    this.at = record.at
    while (this.#size > this.#limits.count || (this.#bytes > this.#limits.bytes && this.#size > 0)) this.#drop()
  }

  settle(now: number): void {
    for (let oldest = this.#oldest; oldest && oldest.at + this.#limits.ms <= now; oldest = this.#oldest) this.#drop()
  }

  dueIn(): number {
    return Number.POSITIVE_INFINITY
  }

  draft(now: number): Draft {
    return new LogDraft(this.head, now, this.#limits.ms, once => this.#once.find(once, now))
  }

  read(from: From, limit: PageLimit): Piece {
    const after = 'after' in from ? from.after : Math.max(this.floor, this.head - from.newest)
    return pieceOf(this.#after(Math.max(after, this.floor)), after, this.head, limit)
  }

  lose(seq: number): boolean {
    if (seq >= this.seq) return false
    for (let oldest = this.#oldest; oldest && oldest.seq <= seq; oldest = this.#oldest) this.#drop()
    return true
  }

  garbage(now: number): Garbage | undefined {
    if (this.#gone < WORTH_MESSAGES && this.#goneBytes < WORTH_BYTES) return undefined
    // Idempotency keys that it does not know may be in what it would drop.
    if (!this.hasKeys(now)) return undefined
    this.#gone = this.#goneBytes = 0
    return { before: Math.min(this.#oldest?.seq ?? this.seq, ...this.#once.kept(now)), single: [] }
  }

  get #size(): number {
    return this.#kept.length - this.#first
  }

  get #oldest(): Kept | undefined {
    return this.#kept[this.#first]
  }

  /** What lies before is not known, or is not there. */
  #restart(head: number): void {
    this.#kept = []
    this.#first = 0
    this.#bytes = 0
    this.floor = this.head = head
  }

  *#after(offset: number): Generator<Ref, void, undefined> {
    for (let i = this.#first + offset - this.floor; i < this.#kept.length; i++) {
      const kept = this.#kept[i]
      if (kept) yield kept
    }
  }

  /** A first index, because `shift()` on a long array moves all of it. */
  #drop(): void {
    const oldest = this.#oldest
    if (!oldest) return
    this.#bytes -= costOf(oldest.size, oldest.key)
    this.#gone += 1
    this.#goneBytes += oldest.size
    this.floor = oldest.offset
    if (this.floor > this.from) this.from = 0
    this.#kept[this.#first] = undefined
    this.#first += 1
    if (this.#first * 2 < this.#kept.length) return
    this.#kept = this.#kept.slice(this.#first)
    this.#first = 0
  }
}

class LogDraft implements Draft {
  readonly entries: Entry[] = []
  readonly bodies: Uint8Array[] = []
  readonly kept = 0
  bytes = 0
  head: number
  readonly #now: number
  readonly #ms: number
  readonly #known: (once: string) => number | undefined
  readonly #once = new Map<string, number>()

  constructor(head: number, now: number, ms: number, known: (once: string) => number | undefined) {
    this.head = head
    this.#now = now
    this.#ms = ms
    this.#known = known
  }

  get until(): number {
    return this.head === 0 ? this.#now : this.#now + this.#ms
  }

  publish({ body, key }: Publication, once: string | undefined): number {
    const before = once === undefined ? undefined : (this.#once.get(once) ?? this.#known(once))
    if (before !== undefined || !body) return before ?? this.head
    this.head += 1
    if (once !== undefined) this.#once.set(once, this.head)
    this.entries.push({ kind: 'message', key, size: body.length, leaseMs: undefined, once })
    this.bodies.push(body)
    this.bytes += headerBytesOf(key) + body.length
    return this.head
  }

  renew(held: ReadonlyMap<string, number>): readonly string[] {
    return [...held.keys()]
  }
}
