import type { Change, From, PageLimit } from '../broker.ts'
import { Recency } from '../recency.ts'
import { costOf, type History, type HistoryLimits, type NewChange, type Piece, takePage } from './history.ts'

/** Retractions are remembered for subscribers who were away: so many of them, for so many ms. */
const RETRACTIONS = 1_000
const RETRACTION_MS = 600_000

type Kept = Change & {
  /** When it expires whatever its lease says. */
  readonly lastsUntil: number
  expiresAt: number
}

/** The newest change of each key of a channel: its message, or for a while that it was retracted. */
export class LatestHistory implements History {
  readonly #limits: HistoryLimits
  /** In order of offsets; what was superseded or dropped is `undefined`, and `#offsets` still says where it was. */
  #kept: (Kept | undefined)[] = []
  #offsets: number[] = []
  #holes = 0
  readonly #messages = new Map<string, Kept>()
  /** The keys of messages, in the order of their offsets. */
  readonly #keys = new Recency<string>()
  readonly #retractions = new Map<string, Kept>()
  #expiresAt = Number.POSITIVE_INFINITY
  head = 0
  floor = 0
  bytes = 0

  constructor(limits: HistoryLimits) {
    this.#limits = limits
  }

  get empty(): boolean {
    return this.#messages.size === 0
  }

  get expiresAt(): number {
    return this.#expiresAt
  }

  /** The newest message of a key. */
  newest(key: string): Change | undefined {
    return this.#messages.get(key)
  }

  /** Leases the key anew, if its newest message still has that offset. */
  renew(key: string, offset: number, expiresAt: number): boolean {
    const kept = this.#messages.get(key)
    if (kept?.offset !== offset) return false
    kept.expiresAt = Math.min(kept.lastsUntil, expiresAt)
    this.#expiresAt = Math.min(this.#expiresAt, kept.expiresAt)
    return true
  }

  add(change: NewChange): readonly Change[] {
    const told: Change[] = [this.#put(change)]
    while (this.#messages.size > this.#limits.count || (this.bytes > this.#limits.bytes && !this.empty)) {
      told.push(...this.shrink(change.at))
    }
    return told
  }

  expire(now: number): readonly Change[] {
    if (this.#expiresAt > now) return []
    const due = [...this.#messages.values()].filter(kept => kept.expiresAt <= now)
    const told = due
      .sort((a, b) => a.expiresAt - b.expiresAt || a.offset - b.offset)
      .map(kept => this.#retract(kept, now))
    for (const kept of this.#retractions.values()) if (kept.expiresAt <= now) this.#forget(kept)
    this.#expiresAt = Number.POSITIVE_INFINITY
    for (const kept of this.#messages.values()) this.#expireBy(kept)
    for (const kept of this.#retractions.values()) this.#expireBy(kept)
    return told
  }

  shrink(now: number): readonly Change[] {
    const { oldest } = this.#keys
    const kept = oldest === undefined ? undefined : this.#messages.get(oldest)
    return kept ? [this.#retract(kept, now)] : []
  }

  read(from: From, limit: PageLimit): Piece {
    const after = 'after' in from ? from.after : this.#beforeNewest(from.newest)
    const { taken, all } = takePage(this.#since(after), limit)
    return { after, through: all ? this.head : (taken.at(-1)?.offset ?? this.head), changes: taken }
  }

  #retract({ key }: Kept, now: number): Change {
    return this.#put({ body: undefined, key, at: now, leaseMs: Number.POSITIVE_INFINITY })
  }

  #put({ body, key = '', at, leaseMs }: NewChange): Change {
    const superseded = this.#messages.get(key)
    if (superseded) this.#leave(superseded)
    this.#unretract(key)
    this.head += 1
    const lastsUntil = at + (body ? this.#limits.ms : RETRACTION_MS)
    const kept = { offset: this.head, body, key, lastsUntil, expiresAt: Math.min(lastsUntil, at + leaseMs) }
    const previous = this.#kept.at(-1)
    if (previous) this.#expireBy(previous)
    this.#kept.push(kept)
    this.#offsets.push(kept.offset)
    this.bytes += costOf(kept)
    if (body) {
      this.#messages.set(key, kept)
      this.#keys.use(key)
    } else {
      this.#messages.delete(key)
      this.#keys.delete(key)
      this.#retractions.set(key, kept)
    }
    this.#expireBy(kept)
    if (this.#retractions.size > RETRACTIONS) {
      const [oldest] = this.#retractions.values()
      if (oldest) this.#forget(oldest)
    }
    return kept
  }

  /** A retraction is no longer known: who has not heard of it never will. The newest change is known in any case. */
  #forget(retraction: Kept): void {
    if (retraction.offset === this.head) return
    this.#unretract(retraction.key ?? '')
    this.floor = Math.max(this.floor, retraction.offset)
  }

  #unretract(key: string): void {
    const kept = this.#retractions.get(key)
    if (!kept) return
    this.#retractions.delete(key)
    this.#leave(kept)
  }

  /** It leaves a hole where it was. */
  #leave(kept: Kept): void {
    this.bytes -= costOf(kept)
    this.#kept[this.#indexAfter(kept.offset) - 1] = undefined
    this.#holes += 1
    if (this.#holes * 2 > this.#kept.length) this.#close()
  }

  #close(): void {
    this.#kept = this.#kept.filter(kept => kept !== undefined)
    this.#offsets = this.#kept.map(kept => kept?.offset ?? 0)
    this.#holes = 0
  }

  #expireBy(kept: Kept): void {
    if (kept.body || kept.offset < this.head) this.#expiresAt = Math.min(this.#expiresAt, kept.expiresAt)
  }

  *#since(offset: number): Generator<Change, void, undefined> {
    for (let i = this.#indexAfter(offset); i < this.#kept.length; i++) {
      const kept = this.#kept[i]
      if (kept) yield kept
    }
  }

  /** The offset before the `count` newest messages; 0 when there are not more. */
  #beforeNewest(count: number): number {
    if (count === 0) return this.head
    let left = count
    for (let i = this.#kept.length - 1; i >= 0; i--) {
      const kept = this.#kept[i]
      if (!kept?.body) continue
      left -= 1
      if (left === 0) return kept.offset - 1
    }
    return 0
  }

  /** Index of the first change above `offset`. */
  #indexAfter(offset: number): number {
    let low = 0
    let high = this.#offsets.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#offsets[middle] ?? 0) <= offset) low = middle + 1
      else high = middle
    }
    return low
  }
}
