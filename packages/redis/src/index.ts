/**
 * Many Tautline servers as one, on Redis: {@link redis} makes the broker.
 *
 * @module
 */
export type { RedisClient } from './client.ts'
export type { RedisOptions } from './options.ts'
export { type RedisBroker, redis } from './redis.ts'
