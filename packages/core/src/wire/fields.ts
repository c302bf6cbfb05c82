import { type EntryName, type Position, refuse } from './frames.ts'

/** A map as it was sent: of it only the keys that are known are ever read, and nothing is merged with it. */
export type Fields = Readonly<Record<string, unknown>>

/** Longest texts that one side chooses and the other keeps, in characters; for headers those of a call in all. */
export const Longest = { token: 8_192, headers: 8_192, channel: 1_024, key: 1_024, route: 512, epoch: 255 } as const

/** Most headers of a call, and most names in `features`. */
export const MOST_NAMES = 64

/** Largest `window` that a CALL may ask for, in bytes. */
export const LARGEST_WINDOW = 1_048_576

/** What a timer can wait for, in ms; told to wait longer, it fires at once. */
export const LONGEST_MS = 2_147_483_647

const ENTRY = /^[\w.@-]{1,255}$/
const ID = /^[\w-]{1,64}$/
const NAME = /^[\x20-\x7e]{1,255}$/
const HEADER_NAME = /^[\w.-]{1,64}$/
/** No control characters: a header ends in logs. */
const HEADER_VALUE = /^\P{Cc}*$/u

/** `undefined`, nil and absence mean the same. */
export function isSet(value: unknown): boolean {
  return value !== undefined && value !== null
}

export function integer(value: unknown, least: number, most: number, what: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  return refuse(`${what} must be an integer from ${least} to ${most}`)
}

/** A counter or an offset. */
export function count(value: unknown, what: string): number {
  return integer(value, 0, Number.MAX_SAFE_INTEGER, what)
}

/** The number of an exchange or a subscription. */
export function idOf(value: unknown): number {
  return integer(value, 1, Number.MAX_SAFE_INTEGER, 'id')
}

export function truth(value: unknown, what: string): boolean {
  return typeof value === 'boolean' ? value : refuse(`${what} must be true or false`)
}

export function text(value: unknown, shortest: number, longest: number, what: string): string {
  if (typeof value === 'string' && value.length >= shortest && value.length <= longest) return value
  return refuse(`${what} must be a string of ${shortest} to ${longest} characters`)
}

export function optionalText(value: unknown, longest: number, what: string): string | undefined {
  return isSet(value) ? text(value, 0, longest, what) : undefined
}

/** The dotted path of an entry. */
export function path(value: unknown): string {
  return matching(value, ENTRY, 'entry')
}

/** An entry by path or by number. */
export function entryName(value: unknown): EntryName {
  return typeof value === 'number' ? count(value, 'entry') : path(value)
}

/** The secret or the public name of a session. */
export function sessionId(value: unknown, what: string): string {
  return matching(value, ID, what)
}

/** A short text that is safe to log. */
export function name(value: unknown, what: string): string {
  return matching(value, NAME, what)
}

export function optionalName(value: unknown, what: string): string | undefined {
  return isSet(value) ? name(value, what) : undefined
}

export function channelName(value: unknown): string {
  return text(value, 1, Longest.channel, 'channel')
}

/** The epoch of a position; `null` where nothing is retained. */
export function epochOf(value: unknown): string | null {
  return isSet(value) ? text(value, 1, Longest.epoch, 'epoch') : null
}

/** Checks a position, as in `since` and in the END of a PUBLISH. */
export function parsePosition(value: unknown): Position {
  return Array.isArray(value) ? [epochOf(value[0]), count(value[1], 'offset')] : refuse('a position must be an array')
}

export function names(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length > MOST_NAMES) return refuse(`features must be at most ${MOST_NAMES} names`)
  return value.map(each => name(each, 'a feature'))
}

export function map(value: unknown, what: string): Fields {
  // A Map, a Date or a Uint8Array is an object too.
  const isMap = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  return isMap ? (value as Fields) : refuse(`${what} must be a map`)
}

/** A fresh map without a prototype: handlers look names up in it. */
export function parseHeaders(value: unknown): Readonly<Record<string, string>> {
  const sent = map(value, 'headers')
  const problem = headersProblem(sent)
  return problem ? refuse(problem) : Object.assign(Object.create(null), sent)
}

/** What is wrong with the headers of a call, if anything; a client asks before it sends them. */
export function headersProblem(headers: Fields): string | undefined {
  const entries = Object.entries(headers)
  if (entries.length > MOST_NAMES) return `more than ${MOST_NAMES} headers`
  let size = 0
  for (const [name, value] of entries) {
    if (!HEADER_NAME.test(name)) return 'a header name must be 1 to 64 letters, digits, dots, dashes or underscores'
    if (typeof value !== 'string') return 'a header must be a string'
    if (!HEADER_VALUE.test(value)) return 'a header must be without control characters'
    size += name.length + value.length
  }
  return size > Longest.headers ? `headers must be at most ${Longest.headers} characters in all` : undefined
}

function matching(value: unknown, pattern: RegExp, what: string): string {
  return typeof value === 'string' && pattern.test(value) ? value : refuse(`${what} is not well formed`)
}
