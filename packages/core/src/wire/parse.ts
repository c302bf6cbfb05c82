import {
  type Call,
  type CallFields,
  type DrainFields,
  type Frame,
  FrameType,
  type HelloFields,
  type Limits,
  type Position,
  ProtocolError,
  type PublishFields,
  type RefusedFields,
  type Side,
  type SubscribedFields,
  type SubscribeFields,
  type WelcomeFields,
  type WireError,
} from './frames.ts'

/** Longest of what one side chooses and the other keeps, in characters; `headers` and their values in all. */
export const Longest = {
  entry: 255,
  id: 64,
  token: 8_192,
  name: 255,
  route: 512,
  key: 1_024,
  epoch: 255,
  channel: 4_096,
  headers: 8_192,
} as const

/** Most headers of a call, and most names in `features`. */
export const MOST_NAMES = 64

/** Largest `window` that a CALL may ask for, in bytes. */
export const LARGEST_WINDOW = 1_048_576

const LARGEST_MS = 2_147_483_647
const ENTRY = /^[A-Za-z0-9_$.@:-]{1,255}$/
const ID = /^[\w-]{1,64}$/
const NAME = /^[\x20-\x7e]{1,255}$/
const HEADER_NAME = /^[\w.-]{1,64}$/
/** Anything but control characters: a header ends in logs. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it keeps out
const HEADER_VALUE = /^[^\x00-\x1f\x7f]*$/

type Fields = Readonly<Record<string, unknown>>
type List = readonly unknown[]

/**
 * Checks the shape of a decoded frame: its direction, and the type, range and length of each field. Extra fields are
 * ignored, `undefined`, nil and absence are one, and of a map only the keys that are known are read. Whether the frame
 * fits the state (is this id new? is it within a limit?) is for the caller.
 *
 * @param value - what stands in the message, decoded; it becomes the frame's and must not be used any more
 * @param from - who sent it
 * @returns the frame, or `undefined` when its type is unknown, which is to be ignored
 * @throws {@link ProtocolError} with code 4500 when anything is wrong
 */
export function parseFrame(value: unknown, from: Side): Frame | undefined {
  if (!Array.isArray(value)) return fail('a frame must be an array')
  const frame: List = value
  const type = frame[0]
  switch (type) {
    case FrameType.CALL:
      sentBy('client', from, 'CALL')
      return call(frame)
    case FrameType.ITEM:
      return [type, id(frame), frame[2]]
    case FrameType.END:
      return [type, id(frame), frame[2]]
    case FrameType.MESSAGE:
      sentBy('server', from, 'MESSAGE')
      return [type, channel(frame[1]), count(frame[2], 'offset'), frame[3], optionalKey(frame[4])]
    case FrameType.CREDIT:
      return [type, id(frame), integer(frame[2], 1, LARGEST_MS, 'bytes')]
    case FrameType.ACK:
      return [type, count(frame[1], 'received')]
    case FrameType.PING:
      return [type]
    case FrameType.PONG:
      return [type]
    case FrameType.FAIL:
      return [type, id(frame), wireError(frame[2])]
    case FrameType.TOKEN:
      return [type, from === 'client' ? optionalText(frame[1], Longest.token, 'token') : undefined]
    case FrameType.UNSUBSCRIBE:
      return [type, id(frame), from === 'server' && isSet(frame[2]) ? wireError(frame[2]) : undefined]
    default:
      return from === 'client' ? fromClient(frame, type) : fromServer(frame, type)
  }
}

function fromClient(frame: List, type: unknown): Frame | undefined {
  switch (type) {
    case FrameType.HELLO:
      return [type, hello(map(frame[1], 'HELLO'))]
    case FrameType.CANCEL:
      return [type, id(frame)]
    case FrameType.SUBSCRIBE:
      return [type, id(frame), entry(frame[2]), frame[3], subscribeFields(frame[4])]
    case FrameType.PUBLISH:
      return [type, id(frame), entry(frame[2]), frame[3], frame[4], publishFields(frame[5])]
    default:
      return unknownOr(type, 'the server')
  }
}

function fromServer(frame: List, type: unknown): Frame | undefined {
  switch (type) {
    case FrameType.WELCOME:
      return [type, welcome(map(frame[1], 'WELCOME'))]
    case FrameType.SUBSCRIBED:
      return [type, id(frame), subscribed(map(frame[2], 'SUBSCRIBED'))]
    case FrameType.RETRACT:
      return [type, channel(frame[1]), count(frame[2], 'offset'), text(frame[3], 0, Longest.key, 'key')]
    case FrameType.GAP:
      return [type, channel(frame[1]), epoch(frame[2]), count(frame[3], 'offset')]
    case FrameType.DRAIN:
      return [type, drain(map(frame[1], 'DRAIN'))]
    default:
      return unknownOr(type, 'a client')
  }
}

function unknownOr(type: unknown, sender: string): undefined {
  if (typeof type !== 'number' || !Number.isInteger(type) || type < 0) return fail('a frame must begin with its type')
  if (type <= FrameType.DRAIN) return fail(`only ${sender} sends frames of type ${type}`)
  return undefined
}

function call(frame: List): Call {
  const fields = frame[4]
  const parsed = isSet(fields) ? callFields(map(fields, 'options')) : undefined
  return [FrameType.CALL, id(frame), entry(frame[2]), frame[3], parsed]
}

function callFields(fields: Fields): CallFields {
  const { timeoutMs, window, key, headers: sent } = fields
  return {
    // Its range is the server's limit, and what is out of it concerns that call alone.
    timeoutMs: isSet(timeoutMs) ? number(timeoutMs, 'timeoutMs') : undefined,
    window: isSet(window) ? integer(window, 0, LARGEST_WINDOW, 'window') : undefined,
    key: optionalKey(key),
    headers: isSet(sent) ? headers(map(sent, 'headers')) : undefined,
  }
}

/** A fresh map without a prototype: handlers look names up in it. */
function headers(sent: Fields): Readonly<Record<string, string>> {
  const problem = headersProblem(sent)
  if (problem) return fail(problem)
  return Object.assign(Object.create(null), sent)
}

/** What is wrong with these call headers, if anything: asked here and by a client before it sends them. */
export function headersProblem(headers: Readonly<Record<string, unknown>>): string | undefined {
  const names = Object.keys(headers)
  if (names.length > MOST_NAMES) return `more than ${MOST_NAMES} headers`
  let size = 0
  for (const name of names) {
    const value = headers[name]
    if (!HEADER_NAME.test(name)) return 'a header name must be 1 to 64 letters, digits, dots, dashes or underscores'
    if (typeof value !== 'string' || !HEADER_VALUE.test(value)) {
      return 'a header value must be a string without control characters'
    }
    size += name.length + value.length
  }
  return size > Longest.headers ? `headers longer than ${Longest.headers} characters in all` : undefined
}

function subscribeFields(value: unknown): SubscribeFields | undefined {
  if (!isSet(value)) return undefined
  const { since, rewind } = map(value, 'options')
  return {
    since: isSet(since) ? position(since) : undefined,
    rewind: isSet(rewind) ? count(rewind, 'rewind') : undefined,
  }
}

function publishFields(value: unknown): PublishFields | undefined {
  return isSet(value) ? { key: optionalKey(map(value, 'options')['key']) } : undefined
}

function hello(fields: Fields): HelloFields {
  const { session } = fields
  return {
    token: optionalText(fields['token'], Longest.token, 'token'),
    session: isSet(session) ? resumption(session) : undefined,
    contract: optionalName(fields['contract'], 'contract'),
    client: optionalName(fields['client'], 'client'),
    features: features(fields['features']),
  }
}

function resumption(value: unknown): readonly [id: string, received: number, attempt: number] {
  if (!Array.isArray(value)) return fail('session must be an array')
  return [matching(value[0], ID, 'session'), count(value[1], 'received'), count(value[2], 'attempt')]
}

function welcome(fields: Fields): WelcomeFields {
  return {
    session: matching(fields['session'], ID, 'session'),
    publicId: matching(fields['publicId'], ID, 'publicId'),
    resumed: truth(fields['resumed'], 'resumed'),
    received: count(fields['received'], 'received'),
    contract: optionalName(fields['contract'], 'contract'),
    heartbeatMs: integer(fields['heartbeatMs'], 1, LARGEST_MS, 'heartbeatMs'),
    resumeMs: milliseconds(fields['resumeMs'], 'resumeMs'),
    limits: limits(map(fields['limits'], 'limits')),
    features: features(fields['features']),
    route: optionalText(fields['route'], Longest.route, 'route'),
  }
}

function limits(fields: Fields): Limits {
  return {
    messageBytes: limit(fields, 'messageBytes'),
    window: limit(fields, 'window'),
    calls: limit(fields, 'calls'),
    callBytes: limit(fields, 'callBytes'),
    subscriptions: limit(fields, 'subscriptions'),
    rate: limit(fields, 'rate'),
    burst: limit(fields, 'burst'),
    replayBytes: limit(fields, 'replayBytes'),
    timeoutMs: limit(fields, 'timeoutMs'),
  }
}

function subscribed(fields: Fields): SubscribedFields | RefusedFields {
  if (isSet(fields['error'])) return { error: wireError(fields['error']) }
  return {
    channel: channel(fields['channel']),
    epoch: epoch(fields['epoch']),
    offset: count(fields['offset'], 'offset'),
    head: count(fields['head'], 'head'),
    gap: isSet(fields['gap']) ? truth(fields['gap'], 'gap') : false,
  }
}

function drain(fields: Fields): DrainFields {
  return { inMs: milliseconds(fields['inMs'], 'inMs'), graceMs: milliseconds(fields['graceMs'], 'graceMs') }
}

/** Errors are rare: what is absent is left out, so that the map is as it would have been made here. */
function wireError(value: unknown): WireError {
  const { code, message, data, incident, mayHaveRun } = map(value, 'error')
  return {
    code: matching(code, NAME, 'code'),
    message: typeof message === 'string' ? message : fail('message must be a string'),
    ...(isSet(data) ? { data } : undefined),
    ...(isSet(incident) ? { incident: matching(incident, NAME, 'incident') } : undefined),
    ...(isSet(mayHaveRun) ? { mayHaveRun: truth(mayHaveRun, 'mayHaveRun') } : undefined),
  }
}

/** Checks a position, as in `since` and in the END of a PUBLISH. */
export function position(value: unknown): Position {
  if (!Array.isArray(value)) return fail('a position must be an array')
  return [epoch(value[0]), count(value[1], 'offset')]
}

function features(value: unknown): readonly string[] | undefined {
  if (!isSet(value)) return undefined
  if (!Array.isArray(value) || value.length > MOST_NAMES) return fail(`features must be at most ${MOST_NAMES} names`)
  return value.map(name => matching(name, NAME, 'a feature'))
}

const id = (frame: List): number => integer(frame[1], 1, Number.MAX_SAFE_INTEGER, 'id')
const entry = (value: unknown): string => matching(value, ENTRY, 'entry')
const channel = (value: unknown): string => text(value, 1, Longest.channel, 'channel')
const epoch = (value: unknown): string | null => (isSet(value) ? text(value, 1, Longest.epoch, 'epoch') : null)
const count = (value: unknown, what: string): number => integer(value, 0, Number.MAX_SAFE_INTEGER, what)
const milliseconds = (value: unknown, what: string): number => integer(value, 0, LARGEST_MS, what)
const limit = (fields: Fields, what: string): number => integer(fields[what], 1, Number.MAX_SAFE_INTEGER, what)
const optionalKey = (value: unknown): string | undefined => optionalText(value, Longest.key, 'key')
const optionalName = (value: unknown, what: string): string | undefined =>
  isSet(value) ? matching(value, NAME, what) : undefined
const optionalText = (value: unknown, longest: number, what: string): string | undefined =>
  isSet(value) ? text(value, 0, longest, what) : undefined

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null
}

function integer(value: unknown, least: number, most: number, what: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  return fail(`${what} must be an integer from ${least} to ${most}`)
}

function number(value: unknown, what: string): number {
  return typeof value === 'number' ? value : fail(`${what} must be a number`)
}

function truth(value: unknown, what: string): boolean {
  return typeof value === 'boolean' ? value : fail(`${what} must be true or false`)
}

function text(value: unknown, shortest: number, longest: number, what: string): string {
  if (typeof value === 'string' && value.length >= shortest && value.length <= longest) return value
  return fail(`${what} must be a string of ${shortest} to ${longest} characters`)
}

function matching(value: unknown, pattern: RegExp, what: string): string {
  if (typeof value === 'string' && pattern.test(value)) return value
  return fail(`${what} is not well formed`)
}

function map(value: unknown, what: string): Fields {
  // A Map, a Set, a Date or a Uint8Array is an object too.
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return value as Fields
  }
  return fail(`${what} must be a map`)
}

/** Nothing of what was sent stands in the reason: it is logged, and sent back. */
function fail(reason: string): never {
  throw new ProtocolError(reason)
}

function sentBy(side: Side, from: Side, name: string): void {
  if (side !== from) fail(`only a ${side} sends ${name}`)
}
