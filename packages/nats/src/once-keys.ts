/** How long an idempotency key is remembered, in ms; at most so many are, per channel. */
export const REMEMBERED_MS = 120_000
export const MOST_KEYS = 10_000

interface Remembered {
  readonly offset: number
  readonly seq: number
  readonly until: number
}

/** What was published with an idempotency key in the last two minutes. */
export class OnceKeys {
  /** In the order in which they were published. */
  readonly #known = new Map<string, Remembered>()

  /** The offset that a key got, unless that is too long ago. */
  find(once: string, now: number): number | undefined {
    const known = this.#known.get(once)
    return known && known.until > now ? known.offset : undefined
  }

  add(once: string, offset: number, seq: number, at: number): void {
    this.#known.delete(once)
    this.#known.set(once, { offset, seq, until: at + REMEMBERED_MS })
    if (this.#known.size > MOST_KEYS) this.#forgetOldest()
  }

  /** The numbers of the messages that have to stay, because a key is to be found in them. */
  kept(now: number): ReadonlySet<number> {
    for (const { until } of this.#known.values()) {
      if (until > now) break
      this.#forgetOldest()
    }
    return new Set([...this.#known.values()].map(({ seq }) => seq))
  }

  #forgetOldest(): void {
    const [oldest] = this.#known.keys()
    if (oldest !== undefined) this.#known.delete(oldest)
  }
}
