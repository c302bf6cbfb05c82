/**
 * Many Tautline servers as one, on NATS JetStream: {@link nats} makes the broker.
 *
 * @module
 */
export type { NatsClient } from './client.ts'
export { nats } from './nats.ts'
export type { NatsOptions } from './options.ts'
