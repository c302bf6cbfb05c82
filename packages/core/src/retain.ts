/** What a topic's author asks to be remembered: a log, or the newest message of each key. */
export type Retain<Message = never> = RetainCount | RetainSeconds | RetainLatest<Message>

/** A log: the last messages of a channel, in order. */
export interface RetainCount {
  /** How many messages are kept, 1 to 10,000. */
  readonly count: number
  /** For how long a message is kept, in seconds, up to a year; for as long as `count` allows when absent. */
  readonly seconds?: number | undefined
  readonly latestBy?: undefined
  readonly owned?: undefined
}

/** A log of as many messages as fit in a time, 10,000 at most. */
export interface RetainSeconds {
  /** For how long a message is kept, in seconds, up to a year. */
  readonly seconds: number
  readonly count?: undefined
  readonly latestBy?: undefined
  readonly owned?: undefined
}

/** The newest message of each key; of at most 10,000 keys. */
export interface RetainLatest<Message> {
  readonly count?: undefined
  /** The key of a message, as subscribers see it. */
  readonly latestBy: (message: Message) => string
  /** For how long a message is kept, in seconds, up to a year; for ever when absent. */
  readonly seconds?: number | undefined
  /** A key that a client published goes when that client's session ends. */
  readonly owned?: boolean | undefined
}

/** {@link Retain} with every default filled in: what servers and brokers work with. */
export type Memory =
  | { readonly kind: 'none' }
  | { readonly kind: 'log'; readonly count: number; readonly seconds: number }
  | {
      readonly kind: 'latest'
      readonly count: number
      readonly seconds: number
      readonly keyOf: (message: unknown) => string
      readonly owned: boolean
    }

const MAX_COUNT = 10_000
const MAX_SECONDS = 31_536_000

/**
 * Fills in the defaults of `retain`; `seconds` is `Infinity` where there is no such bound.
 *
 * @throws {TypeError} says in one sentence what is wrong with it, the reader knows which topic.
 */
export function memoryOf(retain: unknown): Memory {
  if (retain === undefined) return { kind: 'none' }
  if (typeof retain !== 'object' || retain === null) throw new TypeError('`retain` must be an object')
  const { count, seconds, latestBy, owned = false, ...rest } = retain as Record<string, unknown>
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) throw new TypeError(`\`retain\` has no option \`${unknown}\``)
  if (typeof owned !== 'boolean') throw new TypeError('`retain.owned` must be true or false')
  const bounds = { count: countOf(count), seconds: secondsOf(seconds) }
  if (latestBy !== undefined) {
    if (typeof latestBy !== 'function')
      throw new TypeError('`retain.latestBy` must be a function from a message to its key')
    if (count !== undefined)
      throw new TypeError('`retain.latestBy` keeps one message per key; `count` does not go with it')
    return { kind: 'latest', ...bounds, keyOf: message => latestBy(message), owned }
  }
  if (owned) throw new TypeError('`retain.owned` goes with `latestBy` only')
  if (count === undefined && seconds === undefined)
    throw new TypeError('`retain` needs `count`, `seconds` or `latestBy`')
  return { kind: 'log', ...bounds }
}

function countOf(count: unknown): number {
  if (count === undefined) return MAX_COUNT
  if (Number.isInteger(count) && Number(count) >= 1 && Number(count) <= MAX_COUNT) return Number(count)
  throw new TypeError(`\`retain.count\` must be an integer from 1 to ${MAX_COUNT}`)
}

function secondsOf(seconds: unknown): number {
  if (seconds === undefined) return Number.POSITIVE_INFINITY
  if (typeof seconds === 'number' && seconds > 0 && seconds <= MAX_SECONDS) return seconds
  throw new TypeError(`\`retain.seconds\` must be a number above 0 and at most ${MAX_SECONDS}`)
}
