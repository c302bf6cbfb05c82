import { LARGEST_WINDOW, type Limits } from '@tautline/core/wire'

/** Every number that a server keeps to (guarantees.md, "Limits"). All are integers, all are on by default. */
export interface ServerLimits {
  /** Largest message, either way, in bytes. Default 1 MiB. Passing it closes the socket with 1009. */
  readonly messageBytes: number
  /** How deep arrays and maps of a message may nest. Default 32, at most 64. */
  readonly depth: number
  /** Arrays, maps, bins and extensions of a message, beside one per 4 bytes. Default 10,000. */
  readonly containers: number
  /** Frames in a message. Default 10,000. */
  readonly frames: number

  /** Calls, streams and publishes in flight per session. Default 256. */
  readonly calls: number
  /** Inputs, items up that nobody has read, and unsent answers of calls in flight per session, in bytes. Default 8 MiB. */
  readonly callBytes: number
  /** Subscriptions per session. Default 128. */
  readonly subscriptions: number
  /** Credit for items up that a stream begins with, in bytes. Default 256 KiB, at most 1 MiB. */
  readonly window: number
  /** Longest timeout that a client may ask for, in ms. Default 1 hour. */
  readonly timeoutMs: number
  /** CALL, ITEM, SUBSCRIBE and PUBLISH per second and session, in the long run. Default 1,000. */
  readonly rate: number
  /** The same frames at once. Default 2,000. */
  readonly burst: number

  /** Unsent bytes of a session above which it is given no new work, and topics catch up later. Default 1 MiB. */
  readonly highWaterBytes: number
  /** Unsent bytes below which all is well again. Default 256 KiB. */
  readonly lowWaterBytes: number
  /** How long a reader above high water may make no progress, in ms. Default 10 s; then 4002. */
  readonly stalledMs: number

  /** Silence after which a client is asked whether it is there, in ms. Default 25 s. */
  readonly heartbeatMs: number
  /** How long its answer may take, in ms. Default 10 s; then 4003. */
  readonly heartbeatAnswerMs: number
  /** How long a message may take from its first byte to its last, in ms. Default 30 s. */
  readonly messageMs: number

  /** How long a session waits for its client to come back, in ms. Default 30 s; 0 for not at all. */
  readonly resumeMs: number
  /** Bytes kept for replay per session. Default 1 MiB. */
  readonly replayBytes: number
  /** Sessions per identity. Default 64; one more is closed with 4004. */
  readonly sessionsPerIdentity: number
  /** Sessions of one identity that wait for their client. Default 16; one more and the oldest is lost. */
  readonly detachedPerIdentity: number
  /** Sessions of all that wait for their client. Default 10,000; one more, and who has most loses its oldest. */
  readonly detached: number
  /** Bytes that they keep for replay together. Default 256 MiB, with the same consequence. */
  readonly detachedBytes: number

  /** Time for HELLO, in ms. Default 5 s; then 4008. */
  readonly helloMs: number
  /** Largest HELLO, in bytes. Default 8 KiB; else 4500. */
  readonly helloBytes: number
  /** Time for `authenticate`, in ms. Default 10 s; then 4004. */
  readonly authenticateMs: number
  /** How long before `expiresAt` a fresh token is asked for, in ms. Default 30 s. */
  readonly tokenMs: number
  /** Sockets that are not yet authenticated. Default 1,000; one more gets HTTP 503. */
  readonly unauthenticated: number
  /**
   * The same per address, of IPv6 per /64. Default 64; one more gets HTTP 429. While every socket has the same address it
   * may have fifteen sixteenths of all.
   */
  readonly unauthenticatedPerAddress: number
  /** Largest head of an HTTP request on a port of the server's own, in bytes. Default 8 KiB. */
  readonly requestHeadBytes: number
  /** Time for an HTTP request on a port of the server's own, in ms. Default 5 s. */
  readonly requestMs: number

  /** WebSocket fragments per message. Default 256; one more closes the socket with 1008. */
  readonly fragments: number
  /** Chunks of an unfinished message. Default 4,096, likewise. */
  readonly chunks: number
  /** WebSocket pings that wait for their pong. Default 16. */
  readonly pongs: number

  /** Members that a presence channel lists. Default 1,000; beyond that they are counted. */
  readonly presenceMembers: number
  /** How long the outcome of a call with a key is kept, in ms. Default 2 min. */
  readonly outcomeMs: number
  /** Largest outcome that is kept, in bytes. Default 64 KiB. */
  readonly outcomeBytes: number
  /** Bytes of all kept outcomes together. Default 64 MiB. */
  readonly outcomesBytes: number
}

const KiB = 1_024
const MiB = 1_024 * KiB
const LARGEST = 2 ** 31 - 1

/** The default of each limit, and the least and the most it may be. */
const LIMITS: { readonly [Name in keyof ServerLimits]: readonly [normal: number, least: number, most: number] } = {
  messageBytes: [MiB, 1, LARGEST],
  depth: [32, 1, 64],
  containers: [10_000, 1, LARGEST],
  frames: [10_000, 1, LARGEST],
  calls: [256, 1, LARGEST],
  callBytes: [8 * MiB, 1, LARGEST],
  subscriptions: [128, 1, LARGEST],
  window: [256 * KiB, 1, LARGEST_WINDOW],
  timeoutMs: [3_600_000, 1, LARGEST],
  rate: [1_000, 1, LARGEST],
  burst: [2_000, 1, LARGEST],
  highWaterBytes: [MiB, 1, LARGEST],
  lowWaterBytes: [256 * KiB, 0, LARGEST],
  stalledMs: [10_000, 1, LARGEST],
  heartbeatMs: [25_000, 1, LARGEST],
  heartbeatAnswerMs: [10_000, 1, LARGEST],
  messageMs: [30_000, 1, LARGEST],
  resumeMs: [30_000, 0, LARGEST],
  replayBytes: [MiB, 1, LARGEST],
  sessionsPerIdentity: [64, 1, LARGEST],
  detachedPerIdentity: [16, 1, LARGEST],
  detached: [10_000, 1, LARGEST],
  detachedBytes: [256 * MiB, 1, LARGEST],
  helloMs: [5_000, 1, LARGEST],
  helloBytes: [8 * KiB, 1, LARGEST],
  authenticateMs: [10_000, 1, LARGEST],
  tokenMs: [30_000, 1, LARGEST],
  unauthenticated: [1_000, 1, LARGEST],
  unauthenticatedPerAddress: [64, 1, LARGEST],
  requestHeadBytes: [8 * KiB, 1, LARGEST],
  requestMs: [5_000, 1, LARGEST],
  fragments: [256, 1, LARGEST],
  chunks: [4_096, 1, LARGEST],
  pongs: [16, 1, LARGEST],
  presenceMembers: [1_000, 1, LARGEST],
  outcomeMs: [120_000, 1, LARGEST],
  outcomeBytes: [64 * KiB, 1, LARGEST],
  outcomesBytes: [64 * MiB, 1, LARGEST],
}

/**
 * All limits: those that were given, and the defaults.
 *
 * @throws `TypeError` naming the limit that does not exist, is no integer, is out of its range or contradicts another.
 */
export function limitsOf(given: Partial<ServerLimits> = {}): ServerLimits {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(LIMITS, name)) throw new TypeError(`limits.${name}: there is no such limit`)
  }
  const numbers = Object.entries(LIMITS).map(([name, [normal, least, most]]) => {
    const { [name as keyof ServerLimits]: value = normal } = given
    return [name, integerOf(`limits.${name}`, value, least, most)]
  })
  const limits: ServerLimits = Object.fromEntries(numbers)
  if (limits.lowWaterBytes < limits.highWaterBytes) return Object.freeze(limits)
  if (given.lowWaterBytes !== undefined) throw new TypeError('limits.lowWaterBytes must be below limits.highWaterBytes')
  return Object.freeze({ ...limits, lowWaterBytes: Math.floor(limits.highWaterBytes / 4) })
}

/** An option that must be an integer within a range. `NaN`, infinities, fractions and strings are none. */
export function integerOf(name: string, value: unknown, least: number, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  throw new TypeError(`${name} must be an integer from ${least} to ${most}`)
}

/** The limits that concern a client, as WELCOME tells them. */
export function toldLimits(limits: ServerLimits): Limits {
  const { messageBytes, window, calls, callBytes, subscriptions, rate, burst, replayBytes, timeoutMs } = limits
  return { messageBytes, window, calls, callBytes, subscriptions, rate, burst, replayBytes, timeoutMs }
}
