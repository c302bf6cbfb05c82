import {
  count,
  entryName,
  type Fields,
  idOf,
  integer,
  LARGEST_WINDOW,
  Longest,
  map,
  names,
  optionalName,
  optionalText,
  parseHeaders,
  parsePosition,
  path,
  sessionId,
} from './fields.ts'
import * as FrameType from './frame-type.ts'
import {
  type CallFields,
  type Frame,
  type HelloFields,
  type PublishFields,
  refuse,
  type SubscribeFields,
} from './frames.ts'
import { optional, optionalKey, parseFromEither, unknownType } from './parse-either.ts'

/** {@link parseFrame} of a server: of what a client sends. */
export function parseFromClient(frame: readonly unknown[]): Frame | undefined {
  return parseFromEither(frame, onlyFromClient)
}

function onlyFromClient(frame: readonly unknown[]): Frame | undefined {
  switch (frame[0]) {
    case FrameType.CALL:
      return [FrameType.CALL, idOf(frame[1]), entryName(frame[2]), frame[3], optional(frame[4], callFields)]
    case FrameType.PUBLISH:
      return [
        FrameType.PUBLISH,
        idOf(frame[1]),
        entryName(frame[2]),
        frame[3],
        frame[4],
        optional(frame[5], publishFields),
      ]
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
  return typeof value === 'number' ? value : refuse('timeoutMs must be a number')
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
  if (!Array.isArray(value)) return refuse('session must be an array')
  return [sessionId(value[0], 'session'), count(value[1], 'received'), count(value[2], 'attempt')]
}
