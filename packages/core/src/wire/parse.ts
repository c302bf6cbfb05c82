import {
  channelName,
  count,
  epochOf,
  type Fields,
  fail,
  idOf,
  integer,
  isSet,
  LONGEST_MS,
  Longest,
  map,
  name,
  names,
  optionalName,
  optionalText,
  parseHeaders,
  parsePosition,
  path,
  sessionId,
  text,
  truth,
} from './fields.ts'
import {
  type CallFields,
  type DrainFields,
  type Frame,
  FrameType,
  type HelloFields,
  type Limits,
  type PublishFields,
  type RefusedFields,
  type Side,
  type SubscribedFields,
  type SubscribeFields,
  type WelcomeFields,
  type WireError,
} from './frames.ts'

export { headersProblem, Longest, parsePosition } from './fields.ts'

/** Largest `window` that a CALL may ask for, in bytes. */
export const LARGEST_WINDOW = 1_048_576
/** Most bytes in one CREDIT: sums of them stay integers. */
const LARGEST_CREDIT = 2_147_483_647

/**
 * Checks the shape of a decoded frame: its direction, and the type, range and length of each field. Extra fields are
 * ignored; `undefined`, nil and absence are one; of a map only the keys that are known are read. Whether the frame fits
 * the state (is this id new? is it within a limit?) is for the caller.
 *
 * @param frame - what stands in a message, decoded
 * @param from - who sent it
 * @returns the frame, or `undefined` when its type is unknown, which is to be ignored
 * @throws {@link ProtocolError} with code 4500 when anything is wrong
 */
export function parseFrame(frame: readonly unknown[], from: Side): Frame | undefined {
  switch (frame[0]) {
    case FrameType.ITEM:
      return [FrameType.ITEM, idOf(frame[1]), frame[2]]
    case FrameType.END:
      return [FrameType.END, idOf(frame[1]), frame[2]]
    case FrameType.FAIL:
      return [FrameType.FAIL, idOf(frame[1]), wireError(frame[2])]
    case FrameType.CREDIT:
      return [FrameType.CREDIT, idOf(frame[1]), integer(frame[2], 1, LARGEST_CREDIT, 'bytes')]
    case FrameType.PING:
      return [FrameType.PING]
    case FrameType.PONG:
      return [FrameType.PONG]
    case FrameType.ACK:
      return [FrameType.ACK, count(frame[1], 'received')]
    default:
      return from === 'client' ? fromClient(frame) : fromServer(frame)
  }
}

function fromClient(frame: readonly unknown[]): Frame | undefined {
  switch (frame[0]) {
    case FrameType.CALL:
      return [FrameType.CALL, idOf(frame[1]), path(frame[2]), frame[3], optional(frame[4], callFields)]
    case FrameType.PUBLISH:
      return [FrameType.PUBLISH, idOf(frame[1]), path(frame[2]), frame[3], frame[4], optional(frame[5], publishFields)]
    case FrameType.SUBSCRIBE:
      return [FrameType.SUBSCRIBE, idOf(frame[1]), path(frame[2]), frame[3], optional(frame[4], subscribeFields)]
    case FrameType.UNSUBSCRIBE:
      return [FrameType.UNSUBSCRIBE, idOf(frame[1])]
    case FrameType.CANCEL:
      return [FrameType.CANCEL, idOf(frame[1])]
    case FrameType.TOKEN:
      return [FrameType.TOKEN, optionalText(frame[1], Longest.token, 'token')]
    case FrameType.HELLO:
      return [FrameType.HELLO, hello(map(frame[1], 'HELLO'))]
    default:
      return unknownType(frame[0])
  }
}

function fromServer(frame: readonly unknown[]): Frame | undefined {
  switch (frame[0]) {
    case FrameType.MESSAGE:
      return [FrameType.MESSAGE, channelName(frame[1]), count(frame[2], 'offset'), frame[3], optionalKey(frame[4])]
    case FrameType.SUBSCRIBED:
      return [FrameType.SUBSCRIBED, idOf(frame[1]), subscribed(map(frame[2], 'SUBSCRIBED'))]
    case FrameType.UNSUBSCRIBE:
      return [FrameType.UNSUBSCRIBE, idOf(frame[1]), optional(frame[2], wireError)]
    case FrameType.RETRACT:
      return [
        FrameType.RETRACT,
        channelName(frame[1]),
        count(frame[2], 'offset'),
        text(frame[3], 0, Longest.key, 'key'),
      ]
    case FrameType.GAP:
      return [FrameType.GAP, channelName(frame[1]), epochOf(frame[2]), count(frame[3], 'offset')]
    case FrameType.TOKEN:
      return [FrameType.TOKEN]
    case FrameType.DRAIN:
      return [FrameType.DRAIN, drain(map(frame[1], 'DRAIN'))]
    case FrameType.WELCOME:
      return [FrameType.WELCOME, welcome(map(frame[1], 'WELCOME'))]
    default:
      return unknownType(frame[0])
  }
}

/** A known type that gets here came from the side that never sends it. */
function unknownType(type: unknown): undefined {
  if (typeof type !== 'number' || type < 0 || !Number.isInteger(type)) return fail('a frame must begin with its type')
  return type <= FrameType.DRAIN ? fail(`a frame of type ${type} from the wrong side`) : undefined
}

function callFields(value: unknown): CallFields {
  const { timeoutMs, window, key, headers } = map(value, 'options')
  return {
    timeoutMs: optional(timeoutMs, anyNumber),
    window: optional(window, windowOf),
    key: optionalKey(key),
    headers: optional(headers, parseHeaders),
  }
}

/** The range is the server's limit; a timeout out of it concerns that call alone. */
function anyNumber(value: unknown): number {
  return typeof value === 'number' ? value : fail('timeoutMs must be a number')
}

function windowOf(value: unknown): number {
  return integer(value, 0, LARGEST_WINDOW, 'window')
}

function publishFields(value: unknown): PublishFields {
  return { key: optionalKey(map(value, 'options').key) }
}

function subscribeFields(value: unknown): SubscribeFields {
  const { since, rewind, base } = map(value, 'options')
  return {
    since: optional(since, parsePosition),
    rewind: optional(rewind, rewindOf),
    base: optional(base, baseOf),
  }
}

function rewindOf(value: unknown): number {
  return count(value, 'rewind')
}

function baseOf(value: unknown): number {
  return count(value, 'base')
}

function hello({ token, session, contract, client, features }: Fields): HelloFields {
  return {
    token: optionalText(token, Longest.token, 'token'),
    session: optional(session, resumption),
    contract: optionalName(contract, 'contract'),
    client: optionalName(client, 'client'),
    features: optional(features, names),
  }
}

function resumption(value: unknown): readonly [id: string, received: number, attempt: number] {
  if (!Array.isArray(value)) return fail('session must be an array')
  return [sessionId(value[0], 'session'), count(value[1], 'received'), count(value[2], 'attempt')]
}

function welcome(fields: Fields): WelcomeFields {
  return {
    session: sessionId(fields.session, 'session'),
    publicId: sessionId(fields.publicId, 'publicId'),
    resumed: truth(fields.resumed, 'resumed'),
    received: count(fields.received, 'received'),
    contract: optionalName(fields.contract, 'contract'),
    heartbeatMs: integer(fields.heartbeatMs, 1, LONGEST_MS, 'heartbeatMs'),
    resumeMs: integer(fields.resumeMs, 0, LONGEST_MS, 'resumeMs'),
    limits: limits(map(fields.limits, 'limits')),
    features: optional(fields.features, names),
    route: optionalText(fields.route, Longest.route, 'route'),
    outcomes: optionalName(fields.outcomes, 'outcomes'),
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

function limit(fields: Fields, what: keyof Limits): number {
  return integer(fields[what], 1, Number.MAX_SAFE_INTEGER, what)
}

function subscribed({ error, channel, epoch, offset, head, gap }: Fields): SubscribedFields | RefusedFields {
  if (isSet(error)) return { error: wireError(error) }
  return {
    channel: channelName(channel),
    epoch: epochOf(epoch),
    offset: count(offset, 'offset'),
    head: count(head, 'head'),
    gap: isSet(gap) && truth(gap, 'gap'),
  }
}

function drain({ inMs, graceMs }: Fields): DrainFields {
  return { inMs: integer(inMs, 0, LONGEST_MS, 'inMs'), graceMs: integer(graceMs, 0, LONGEST_MS, 'graceMs') }
}

/** Errors are rare: what is absent is left out, so that the map is as it would have been made here. */
function wireError(value: unknown): WireError {
  const { code, message, data, incident, mayHaveRun } = map(value, 'error')
  return {
    code: name(code, 'code'),
    message: typeof message === 'string' ? message : fail('message must be a string'),
    ...(isSet(data) ? { data } : undefined),
    ...(isSet(incident) ? { incident: name(incident, 'incident') } : undefined),
    ...(isSet(mayHaveRun) ? { mayHaveRun: truth(mayHaveRun, 'mayHaveRun') } : undefined),
  }
}

function optional<T>(value: unknown, parse: (value: unknown) => T): T | undefined {
  return value === undefined || value === null ? undefined : parse(value)
}

function optionalKey(value: unknown): string | undefined {
  return optionalText(value, Longest.key, 'key')
}
