import { type Clock, systemClock } from '@tautline/core/wire'

/** Options of {@link nats}. */
export interface NatsOptions {
  /** What all subjects begin with: letters, digits, `_` and `-`, with dots between. Default `'tautline'`. */
  readonly prefix?: string | undefined
  /**
   * The stream that remembers. It is created where it is not there; one that is must be configured as docs/brokers.md
   * says. Default: the prefix, with `_` for dots.
   */
  readonly stream?: string | undefined
  /** On how many servers of a NATS cluster the stream is kept when it is created: 1, 3 or 5. Default 1; more need 2.11. */
  readonly replicas?: 1 | 3 | 5 | undefined
  /** Bytes kept per channel; its oldest messages go first. Default 16 MiB. */
  readonly channelBytes?: number | undefined
  /** Where time comes from; that of the machine unless a test owns it. What expires does so by the engine's time. */
  readonly clock?: Clock | undefined
}

/** Options that have been checked, with all defaults in their place. */
export interface NatsSettings {
  readonly prefix: string
  readonly stream: string
  readonly replicas: number
  readonly channelBytes: number
  readonly clock: Clock
}

const MiB = 1_024 * 1_024

/**
 * Checks the options and adds the defaults.
 *
 * @throws TypeError naming the option that is wrong.
 */
export function settingsOf(options: NatsOptions): NatsSettings {
  const { prefix = 'tautline', replicas = 1, channelBytes = 16 * MiB, clock = systemClock } = options
  if (!/^[\w-]+(\.[\w-]+)*$/.test(prefix) || prefix.length > 64)
    throw new TypeError('nats: prefix must be 1 to 64 of letters, digits, _ and -, with dots between')
  const { stream = prefix.replaceAll('.', '_') } = options
  if (!/^[\w-]{1,64}$/.test(stream)) throw new TypeError('nats: stream must be 1 to 64 of letters, digits, _ and -')
  if (![1, 3, 5].includes(replicas)) throw new TypeError('nats: replicas must be 1, 3 or 5')
  if (!Number.isSafeInteger(channelBytes) || channelBytes < 1) {
    throw new TypeError('nats: channelBytes must be a positive integer')
  }
  return { prefix, stream, replicas, channelBytes, clock }
}
