import { type Clock, systemClock } from '@tautline/core/wire'

/** Options of {@link redis}. */
export interface RedisOptions {
  /** What the names of all keys and pub/sub channels begin with: letters, digits, `_ . : -`. Default `'tautline'`. */
  readonly prefix?: string | undefined
  /** Bytes kept per channel; its oldest messages go first. Default 16 MiB. */
  readonly channelBytes?: number | undefined
  /**
   * Whether a cluster of Redis 7 or newer tells of changes by shards: those who listen at the channel's master, and no
   * other node, hear of it. Default `true`. With `false` all nodes tell each other, as is done elsewhere: for as long as
   * some servers only hear that (docs/brokers.md, "In a cluster").
   */
  readonly sharded?: boolean | undefined
  /** Where time comes from; that of the machine unless a test owns it. What expires does so by the engine's time. */
  readonly clock?: Clock | undefined
}

/** Options that have been checked, with all defaults in their place. */
export interface RedisSettings {
  readonly prefix: string
  readonly channelBytes: number
  readonly sharded: boolean
  readonly clock: Clock
}

const MiB = 1_024 * 1_024

/**
 * Checks the options and adds the defaults.
 *
 * @throws TypeError naming the option that is wrong.
 */
export function settingsOf(options: RedisOptions): RedisSettings {
  const { prefix = 'tautline', channelBytes = 16 * MiB, sharded = true, clock = systemClock } = options
  checkName('prefix', prefix)
  if (!Number.isSafeInteger(channelBytes) || channelBytes < 1) {
    throw new TypeError('redis: channelBytes must be a positive integer')
  }
  if (typeof sharded !== 'boolean') throw new TypeError('redis: sharded must be true or false')
  return { prefix, channelBytes, sharded, clock }
}

/** @throws TypeError for what would mean something to the engine. */
export function checkName(what: string, name: string): void {
  if (!/^[\w.:-]{1,64}$/.test(name))
    throw new TypeError(`redis: ${what} must be 1 to 64 of letters, digits and _ . : -`)
}
