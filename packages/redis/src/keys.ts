import type { BrokerChannel } from '@tautline/server'

/** The names that a channel has in the engine. All of them share a hash tag: in a cluster, one node has them all. */
export interface ChannelKeys {
  /** Keys of its memory, in the order in which scripts take them; the first is the meta key. */
  readonly memory: readonly string[]
  /** The pub/sub channel on which its changes are told. */
  readonly feed: string
  /** What of that name scripts are told: what it has in the place of `meta`, or all of it where there is no meta key. */
  readonly feedEnd: string
}

const MEMORY = {
  none: [],
  log: ['meta', 'log'],
  latest: ['meta', 'order', 'gone', 'values', 'due'],
} as const

/**
 * Names of a channel.
 *
 * @param db - the database: pub/sub knows none, so it is part of the feed's name.
 */
export function keysOf(prefix: string, db: number, { name, retain }: BrokerChannel): ChannelKeys {
  const begin = `${prefix}:{${name}}:`
  const end = `feed:${db}`
  const memory = MEMORY[retain.kind].map(part => begin + part)
  return { memory, feed: begin + end, feedEnd: memory.length > 0 ? end : begin + end }
}

/** The key under which the position is kept that an idempotency key got. */
export function onceKeyOf(prefix: string, { name }: BrokerChannel, idempotencyKey: string): string {
  return `${prefix}:{${name}}:once:${idempotencyKey}`
}

/** The key of what a name has used up of a limit. */
export function countKeyOf(prefix: string, limit: string, name: string): string {
  return `${prefix}:count:${limit}:${name}`
}
