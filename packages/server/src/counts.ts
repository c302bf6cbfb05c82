import { RateLimiterMemory } from 'rate-limiter-flexible'
import { Recency } from './recency.ts'

/** Points that a name has used up. */
export interface Count {
  readonly points: number
  /** Ms until they are forgotten. */
  readonly leftMs: number
}

/** What a rate limit counts with: in the memory of a server, or where several servers count together. */
export interface Counts {
  /**
   * Adds points to those of a name, and resolves with their sum. All of them are forgotten `seconds` after the first.
   * Rejects where that cannot be done; nobody waits for it longer than half a second.
   */
  add(name: string, points: number, seconds: number): Promise<Count>
}

/**
 * Counts in the memory of this process.
 *
 * @param most - for so many names; whoever was not heard of for longest begins anew.
 */
export function countsInMemory(most: number): Counts {
  // The library keeps every name until its seconds are over, however many there are.
  const limiter = new RateLimiterMemory({ points: 1, duration: 1 })
  const heardOf = new Recency<string>()
  return {
    async add(name, points, seconds) {
      heardOf.use(name)
      const { oldest } = heardOf
      if (heardOf.size > most && oldest !== undefined) {
        heardOf.delete(oldest)
        await limiter.delete(oldest)
      }
      const { consumedPoints, msBeforeNext } = await limiter.penalty(name, points, { customDuration: seconds })
      return { points: consumedPoints, leftMs: msBeforeNext }
    },
  }
}
