import { count, idOf, integer, isSet, Longest, map, name, optionalName, optionalText, truth } from './fields.ts'
import * as FrameType from './frame-type.ts'
import { type Frame, refuse, type WireError } from './frames.ts'

/** Most bytes in one CREDIT: sums of them stay integers. */
const LARGEST_CREDIT = 2_147_483_647

/** Checks a frame that either side may send; any other is for `others`, which knows those of one side. */
export function parseFromEither(
  frame: readonly unknown[],
  others: (frame: readonly unknown[]) => Frame | undefined,
): Frame | undefined {
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
      return others(frame)
  }
}

/** A known type that gets here came from the side that never sends it. */
export function unknownType(type: unknown): undefined {
  if (typeof type !== 'number' || type < 0 || !Number.isInteger(type)) return refuse('a frame must begin with its type')
  return type <= FrameType.DRAIN ? refuse(`a frame of type ${type} from the wrong side`) : undefined
}

export function wireError(value: unknown): WireError {
  const { code, message, data, incident, mayHaveRun } = map(value, 'error')
  return {
    code: name(code, 'code'),
    message: typeof message === 'string' ? message : refuse('message must be a string'),
    data: data ?? undefined,
    incident: optionalName(incident, 'incident'),
    mayHaveRun: isSet(mayHaveRun) ? truth(mayHaveRun, 'mayHaveRun') : undefined,
  }
}

export function optional<T>(value: unknown, parse: (value: unknown) => T): T | undefined {
  return isSet(value) ? parse(value) : undefined
}

export function optionalKey(value: unknown): string | undefined {
  return optionalText(value, Longest.key, 'key')
}
