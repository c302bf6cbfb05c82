/**
 * A limit on how often something may be asked for: an interceptor on
 * [rate-limiter-flexible](https://github.com/animir/node-rate-limiter-flexible).
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type { Intercepted } from '@tautline/core'
import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { integerOf } from './limits.ts'
import { refusal } from './refusal.ts'

/** Longer names are counted by their hash. */
const LONGEST_NAME = 255

/** How {@link rateLimit} counts. */
export interface RateLimitOptions<Context = unknown> {
  /**
   * Whose points a call uses up: an identity, an address, a tenant. Calls for which it returns `undefined` are free. By
   * default the identity, else the address, else the session.
   */
  readonly by?: ((call: Intercepted<Context>) => string | undefined) | undefined
  /** What a call costs, in points; 1 by default. */
  readonly cost?: ((call: Intercepted<Context>) => number) | undefined
  /** Points that everybody has. */
  readonly points: number
  /** For so many seconds, counted from the first call; then all of them are back. */
  readonly seconds: number
  /** For how many a count is kept at most, 100,000 by default; whoever was not heard of for longest begins anew. */
  readonly names?: number | undefined
  /**
   * Counts elsewhere than in this process: any limiter of `rate-limiter-flexible`, such as `RateLimiterRedis`, with
   * points and seconds of its own. When it fails, the call fails with `INTERNAL`, and `onError` is told.
   */
  readonly limiter?: Pick<RateLimiterAbstract, 'consume'> | undefined
}

/**
 * An interceptor that refuses what is asked for too often, with `RESOURCE_EXHAUSTED` and `retryAfterMs`, before any
 * handler runs. Calls, streams, subscriptions and publishes count alike: `by` and `cost` may tell them apart by
 * `call.action` and `call.entry`.
 *
 * @throws `TypeError` naming the option that is wrong.
 */
// Not an `Interceptor<Context>`: this one hands no context on, and so fits servers of any.
export function rateLimit<Context = unknown>(
  options: RateLimitOptions<Context>,
): (call: Intercepted<Context>, next: () => Promise<unknown>) => Promise<void> {
  const { by = caller, cost = one } = options
  const limiter = options.limiter ?? inMemory(options)
  return async (call, next) => {
    const name = by(call)
    if (name !== undefined) await consume(limiter, short(name), cost(call))
    await next()
  }
}

async function consume(limiter: Pick<RateLimiterAbstract, 'consume'>, name: string, points: number): Promise<void> {
  try {
    if (points > 0) await limiter.consume(name, points)
  } catch (thrown) {
    // Whatever else it throws is a failure of its own.
    if (!(thrown instanceof RateLimiterRes)) throw thrown
    const retryAfterMs = Math.max(1, Math.ceil(thrown.msBeforeNext))
    throw refusal('RESOURCE_EXHAUSTED', 'too many requests', { retryAfterMs })
  }
}

/** The library keeps every name until its seconds are over, however many there are. */
function inMemory({ points, seconds, names = 100_000 }: RateLimitOptions<never>): Pick<RateLimiterAbstract, 'consume'> {
  const limiter = new RateLimiterMemory({
    points: integerOf('points', points, 1, 2 ** 31 - 1),
    duration: integerOf('seconds', seconds, 1, 2_000_000),
  })
  const most = integerOf('names', names, 1, 10_000_000)
  const heardOf = new Set<string>()
  return {
    consume(name: string, cost?: number) {
      heardOf.delete(name)
      heardOf.add(name)
      if (heardOf.size > most) {
        const [oldest = ''] = heardOf
        heardOf.delete(oldest)
        void limiter.delete(oldest)
      }
      return limiter.consume(name, cost)
    },
  }
}

function caller({ session }: Pick<Intercepted, 'session'>): string {
  if (session.identity !== undefined) return `identity ${session.identity}`
  return session.address === undefined ? `session ${session.id}` : `address ${session.address}`
}

function one(): number {
  return 1
}

function short(name: string): string {
  return name.length <= LONGEST_NAME ? name : createHash('sha256').update(name).digest('base64')
}
