/** What goes wrong all the time is told of so often, in ms. */
const AGAIN_MS = 60_000
/** So many kinds of trouble are told apart; what is of none of them counts as the one that was told of first. */
const KINDS = 10

/**
 * Errors that come by the thousand while something is away: each kind is told of when it first comes, and from then on
 * once a minute, with how often it came.
 */
export class Recurring {
  readonly #tell: (error: unknown) => void
  readonly #now: () => number
  /** In the order in which they were told of. */
  readonly #kinds = new Map<string, { readonly toldAt: number; times: number }>()

  /** @param now - in ms, on a clock that never jumps back. */
  constructor(tell: (error: unknown) => void, now: () => number) {
    this.#tell = tell
    this.#now = now
  }

  add(error: unknown): void {
    const kind = kindOf(error)
    const now = this.#now()
    const [oldest] = this.#kinds
    const known = this.#kinds.get(kind)
    const like = known ?? (this.#kinds.size < KINDS ? undefined : oldest?.[1])
    if (like && now - like.toldAt < AGAIN_MS) {
      like.times += 1
      return
    }
    if (!known && like && oldest) this.#kinds.delete(oldest[0])
    this.#kinds.delete(kind)
    this.#kinds.set(kind, { toldAt: now, times: 0 })
    this.#tell(like && like.times > 0 ? manyTimes(like.times + 1, now - like.toldAt, error) : error)
  }
}

function kindOf(error: unknown): string {
  return error instanceof Error && error.cause !== undefined ? `${error}: ${error.cause}` : String(error)
}

function manyTimes(times: number, ms: number, cause: unknown): Error {
  const message = cause instanceof Error ? cause.message : String(cause)
  return new Error(`${times} times within ${Math.round(ms / 1_000)} s: ${message}`, { cause })
}
