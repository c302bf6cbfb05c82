import { TautlineError } from './errors.ts'
import { encodeValue } from './wire/codec.ts'

const MAX_CHANNEL = 1_024
const MAX_DEPTH = 16

/**
 * The name of a channel: a topic with its params. Equal params give equal names whatever the order of their keys,
 * different ones different names, whatever their strings hold. It is made of `A-Z a-z 0-9 _ - @` and `.`, so it is one
 * Redis key, and what stands between its dots are NATS tokens without wildcards.
 *
 * Servers name channels by *parsed* params. `undefined` properties count as absent.
 *
 * @param path - the topic's path, `'rooms.feed'`, or that of its presence, `'rooms.feed@presence'`.
 * @throws {TautlineError} `INVALID_ARGUMENT` when params hold what is not compared by value (a Map, a Set, an instance
 * of a class, a function), a lone surrogate, or more than a name of 1,024 characters can say.
 */
export function channelOf(path: string, params: unknown): string {
  const budget = { nodes: MAX_CHANNEL }
  try {
    const { bytes } = encodeValue(canonical(params, 0, budget))
    const channel = `${path}.${base64url(bytes)}`
    if (channel.length <= MAX_CHANNEL) return channel
    throw new TypeError(TOO_LONG)
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause
    throw new TautlineError('INVALID_ARGUMENT', `params of ${path} cannot name a channel: ${cause.message}`, { cause })
  }
}

const TOO_LONG = `a channel name has at most ${MAX_CHANNEL} characters`

/** The same value with its keys in one order; the codec writes them as they stand. */
function canonical(value: unknown, depth: number, budget: { nodes: number }): unknown {
  // Each takes a byte at least: what holds more of them than a name has characters is not worth copying.
  budget.nodes -= typeof value === 'string' || value instanceof Uint8Array ? value.length + 1 : 1
  if (budget.nodes < 0) throw new TypeError(TOO_LONG)
  if (depth > MAX_DEPTH) throw new TypeError(`nested deeper than ${MAX_DEPTH}`)
  if (typeof value !== 'object' || value === null) return primitive(value)
  if (value instanceof Date || value instanceof Uint8Array) return value
  if (Array.isArray(value)) return Array.from(value, item => canonical(item, depth + 1, budget))
  return canonicalObject(value, depth, budget)
}

function primitive(value: unknown): unknown {
  if (typeof value === 'function' || typeof value === 'symbol')
    throw new TypeError(`a ${typeof value} is not compared by value`)
  return value
}

function canonicalObject(value: object, depth: number, budget: { nodes: number }): object {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null)
    throw new TypeError('only plain objects are compared by value')
  const entries: [string, unknown][] = []
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue
    budget.nodes -= key.length
    entries.push([key, canonical(item, depth + 1, budget)])
  }
  if (entries.length > 1) entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries)
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** By hand: what browsers and Node share speaks another alphabet, and takes strings. */
function base64url(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let open = 0
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xffff
    open += 8
    for (; open >= 6; open -= 6) text += ALPHABET[(bits >> (open - 6)) & 63]
  }
  return open === 0 ? text : text + ALPHABET[(bits << (6 - open)) & 63]
}
