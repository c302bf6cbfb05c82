import type { Change, From, PageLimit } from '../broker.ts'
import { costOf, type History, type HistoryLimits, type NewChange, type Piece, takePage } from './history.ts'

type Kept = Change & { readonly expiresAt: number }

/** The last messages of a channel, in order. */
export class LogHistory implements History {
  readonly #limits: HistoryLimits
  #kept: (Kept | undefined)[] = []
  #first = 0
  head = 0
  bytes = 0

  constructor(limits: HistoryLimits) {
    this.#limits = limits
  }

  get floor(): number {
    return this.head - this.#size
  }

  get empty(): boolean {
    return this.#size === 0
  }

  get expiresAt(): number {
    return this.#kept[this.#first]?.expiresAt ?? Number.POSITIVE_INFINITY
  }

  add({ body, key, at }: NewChange): readonly Change[] {
    this.head += 1
    const kept = { offset: this.head, body, key, expiresAt: at + this.#limits.ms }
    this.#kept.push(kept)
    this.bytes += costOf(kept)
    while (this.#size > this.#limits.count || this.bytes > this.#limits.bytes) this.#drop()
    return [kept]
  }

  expire(now: number): readonly Change[] {
    while (this.expiresAt <= now) this.#drop()
    return []
  }

  shrink(): readonly Change[] {
    this.#drop()
    return []
  }

  read(from: From, limit: PageLimit): Piece {
    const { head, floor } = this
    const after = 'after' in from ? from.after : Math.max(floor, head - from.newest)
    const { taken, all } = takePage(this.#since(Math.max(after, floor)), limit)
    return { after, through: all ? head : (taken.at(-1)?.offset ?? head), changes: taken }
  }

  get #size(): number {
    return this.#kept.length - this.#first
  }

  *#since(offset: number): Generator<Change, void, undefined> {
    for (let i = this.#first + offset - this.floor; i < this.#kept.length; i++) {
      const kept = this.#kept[i]
      if (kept) yield kept
    }
  }

  /** A first index, because `shift()` on a long array moves all of it. */
  #drop(): void {
    const oldest = this.#kept[this.#first]
    if (!oldest) return
    this.bytes -= costOf(oldest)
    this.#kept[this.#first] = undefined
    this.#first += 1
    if (this.#first * 2 < this.#kept.length) return
    this.#kept = this.#kept.slice(this.#first)
    this.#first = 0
  }
}
