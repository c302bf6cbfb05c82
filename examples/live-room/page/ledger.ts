const MOST_AUTHORS = 1_000
const MOST_MISSING = 10_000

interface Author {
  last: number
  readonly missing: Set<number>
}

/**
 * Counts what came, what did not and what came twice, by nothing but the numbers that authors give to what they say.
 * An author's first number here may be any; from then on each one has to come.
 */
export class Ledger {
  readonly #authors = new Map<string, Author>()
  #received = 0
  #lost = 0
  #twice = 0

  get received(): number {
    return this.#received
  }

  /** Numbers that were skipped and have not come since. */
  get lost(): number {
    return this.#lost
  }

  get twice(): number {
    return this.#twice
  }

  /** Says that numbering begins here: nothing up to `last` is waited for. */
  begin(channel: string, author: string, last: number): void {
    const key = `${channel}/${author}`
    if (this.#authors.has(key)) return
    const [oldest] = this.#authors.keys()
    if (this.#authors.size === MOST_AUTHORS && oldest !== undefined) this.#authors.delete(oldest)
    this.#authors.set(key, { last, missing: new Set() })
  }

  /** Enters one that came; answers the numbers that turn out to be missing. */
  enter(channel: string, author: string, seq: number): readonly number[] {
    this.begin(channel, author, seq - 1)
    const known = this.#authors.get(`${channel}/${author}`) as Author
    this.#received += 1
    if (seq > known.last) {
      const skipped = Array.from(
        { length: Math.min(seq - known.last - 1, MOST_MISSING) },
        (_, index) => seq - 1 - index,
      )
      this.#lost += seq - known.last - 1
      for (const number of skipped) known.missing.add(number)
      known.last = seq
      return skipped
    }
    if (known.missing.delete(seq)) this.#lost -= 1
    else this.#twice += 1
    return []
  }
}
