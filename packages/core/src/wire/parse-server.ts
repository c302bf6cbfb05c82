import {
  channelName,
  count,
  epochOf,
  type Fields,
  idOf,
  integer,
  isSet,
  LONGEST_MS,
  Longest,
  map,
  names,
  optionalName,
  optionalText,
  sessionId,
  text,
  truth,
} from './fields.ts'
import * as FrameType from './frame-type.ts'
import type { DrainFields, Frame, Limits, RefusedFields, SubscribedFields, WelcomeFields } from './frames.ts'
import { optional, optionalKey, parseFromEither, unknownType, wireError } from './parse-either.ts'

/** {@link parseFrame} of a client: of what a server sends. */
export function parseFromServer(frame: readonly unknown[]): Frame | undefined {
  return parseFromEither(frame, onlyFromServer)
}

function onlyFromServer(frame: readonly unknown[]): Frame | undefined {
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
