import { systemClock } from '@tautline/core/wire'
import type { Count, Counts } from './counts.ts'
import { Recurring } from './recurring.ts'

/** So long is waited for an answer, in ms. */
const ANSWER_MS = 500
/** Where there was none, nobody is asked for so many ms. */
const REST_MS = 1_000

/** What counts that are shared need. */
export interface CountsTogetherParts {
  readonly shared: Counts
  /** Of this server alone, for as long as the shared ones cannot be had. */
  readonly own: Counts
  /** Whoever has more is refused anyway. */
  readonly points: number
  /** So many are remembered who have more. */
  readonly names: number
  /** Told why they cannot be had. */
  readonly report: (error: unknown) => void
}

/**
 * Counts with the others, as far as that can be done in time. Where it cannot, each server counts for itself: nobody is
 * turned away because an engine is down, and nobody may ask without end. Who has too many points is known here until
 * they are forgotten, so that those who go on asking cost the engine nothing.
 */
export class CountsTogether implements Counts {
  readonly #parts: CountsTogetherParts
  readonly #troubles: Recurring
  /** Until when whose points are too many. */
  readonly #over = new Map<string, number>()
  #restsUntil = Number.NEGATIVE_INFINITY

  constructor(parts: CountsTogetherParts) {
    this.#parts = parts
    this.#troubles = new Recurring(parts.report, systemClock.now)
  }

  async add(name: string, points: number, seconds: number): Promise<Count> {
    const leftMs = (this.#over.get(name) ?? 0) - systemClock.now()
    if (leftMs > 0) return { points: Number.POSITIVE_INFINITY, leftMs }
    const count = await this.#ask(name, points, seconds)
    if (count.points > this.#parts.points) this.#remember(name, count.leftMs)
    return count
  }

  async #ask(name: string, points: number, seconds: number): Promise<Count> {
    const { shared, own } = this.#parts
    if (systemClock.now() >= this.#restsUntil) {
      try {
        return await inTime(shared.add(name, points, seconds))
      } catch (error) {
        this.#restsUntil = systemClock.now() + REST_MS
        this.#troubles.add(error)
      }
    }
    return own.add(name, points, seconds)
  }

  #remember(name: string, leftMs: number): void {
    this.#over.delete(name)
    this.#over.set(name, systemClock.now() + leftMs)
    const [oldest = ''] = this.#over.keys()
    if (this.#over.size > this.#parts.names) this.#over.delete(oldest)
  }
}

/** An answer that comes too late is none. */
function inTime(answer: Promise<Count>): Promise<Count> {
  return new Promise((resolve, reject) => {
    const impatience = systemClock.setTimeout(
      () => reject(new Error(`nothing was counted within ${ANSWER_MS} ms`)),
      ANSWER_MS,
    )
    answer.then(resolve, reject).finally(() => systemClock.clearTimeout(impatience))
  })
}
