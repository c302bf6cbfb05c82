/** What goes wrong all the time is told of so often, in ms. */
const AGAIN_MS = 60_000
/** So many kinds of trouble are told apart; of more, the one that was told of first is new again. */
const KINDS = 100

/**
 * Errors that come by the thousand while something is away: each kind is told of when it first comes, and from then on
 * once a minute, with how often it came.
 */
export class Recurring {
  readonly #tell: (error: unknown) => void
  readonly #now: () => number
  readonly #kinds = new Map<string, { toldAt: number; since: number }>()

  /** @param now - in ms, on a clock that never jumps back. */
  constructor(tell: (error: unknown) => void, now: () => number) {
    this.#tell = tell
    this.#now = now
  }

  add(error: unknown): void {
    const kind = String(error)
    const now = this.#now()
    const known = this.#kinds.get(kind)
    if (known && now - known.toldAt < AGAIN_MS) {
      known.since += 1
      return
    }
    this.#kinds.delete(kind)
    this.#kinds.set(kind, { toldAt: now, since: 0 })
    const [oldest = ''] = this.#kinds.keys()
    if (this.#kinds.size > KINDS) this.#kinds.delete(oldest)
    this.#tell(known?.since ? manyTimes(known.since + 1, now - known.toldAt, error) : error)
  }
}

function manyTimes(times: number, ms: number, cause: unknown): Error {
  const message = cause instanceof Error ? cause.message : String(cause)
  return new Error(`${times} times within ${Math.round(ms / 1_000)} s: ${message}`, { cause })
}
