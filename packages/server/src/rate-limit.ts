/**
 * A limit on how often something may be asked for: an interceptor on
 * [rate-limiter-flexible](https://github.com/animir/node-rate-limiter-flexible).
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type { Intercepted } from '@tautline/core'
import { type Counts, countsInMemory } from './counts.ts'
import { CountsTogether } from './counts-together.ts'
import { Failures, type OnError, warn } from './failures.ts'
import { integerOf } from './limits.ts'
import { networkOf } from './network.ts'
import { refusal } from './refusal.ts'

export type { Count, Counts } from './counts.ts'
export { networkOf } from './network.ts'

/** Longer names are counted by their hash. */
const LONGEST_NAME = 255

/** How {@link rateLimit} counts. */
export interface RateLimitOptions<Context = unknown> {
  /**
   * Whose points a call uses up: an identity, an address, a tenant. Calls for which it returns `undefined` are free. By
   * default the identity, else the address (see {@link networkOf}), else the session.
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
   * Where servers count together, such as `redis(client).counts('log-in')`; each for itself by default. While that
   * cannot be reached, or takes longer than half a second, each counts for itself as well, from nothing.
   */
  readonly counts?: Counts | undefined
  /** Told why servers cannot count together, at once and then once a minute: mostly that of the server. By default a process warning. */
  readonly onError?: OnError | undefined
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
  const points = integerOf('points', options.points, 1, 2 ** 31 - 1)
  const seconds = integerOf('seconds', options.seconds, 1, 2_000_000)
  const counts = countsOf(points, options)
  return async (call, next) => {
    const name = by(call)
    const price = name === undefined ? 0 : cost(call)
    if (name !== undefined && price > 0) {
      const count = await counts.add(short(name), price, seconds)
      if (count.points > points) throw tooMany(count.leftMs)
    }
    await next()
  }
}

function countsOf(points: number, { counts, names = 100_000, onError = warn }: RateLimitOptions<never>): Counts {
  const most = integerOf('names', names, 1, 10_000_000)
  const own = countsInMemory(most)
  if (!counts) return own
  const failures = new Failures(onError)
  const report = (error: unknown) => void failures.report(error, 'rate limit')
  return new CountsTogether({ shared: counts, own, points, names: most, report })
}

function tooMany(leftMs: number): Error {
  return refusal('RESOURCE_EXHAUSTED', 'too many requests', { retryAfterMs: Math.max(1, Math.ceil(leftMs)) })
}

function caller({ session }: Pick<Intercepted, 'session'>): string {
  if (session.identity !== undefined) return `identity ${session.identity}`
  return session.address === undefined ? `session ${session.id}` : `address ${networkOf(session.address)}`
}

function one(): number {
  return 1
}

function short(name: string): string {
  return name.length <= LONGEST_NAME ? name : createHash('sha256').update(name).digest('base64')
}
