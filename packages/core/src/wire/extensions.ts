import * as Extension from './extension.ts'
import { refuse } from './frames.ts'

/** Most decimal digits of a bigint. */
const MOST_DIGITS = 1_024
const LAST_NANOSECOND = 999_999_999
/** The furthest second that a `Date` reaches. */
const LAST_SECOND = 8_640_000_000_000

/** Refuses a timestamp that is none, or that no `Date` can hold. */
export function checkTimestamp(bytes: Uint8Array, at: number, size: number): void {
  if (size === 4) return
  if (size !== 8 && size !== 12) refuse('a timestamp of unknown length')
  const first = unsigned(bytes, at, 4)
  const nanoseconds = size === 8 ? first >>> 2 : first
  if (nanoseconds > LAST_NANOSECOND) refuse('a timestamp with too many nanoseconds')
  if (size === 8) return
  const seconds = (unsigned(bytes, at + 4, 4) | 0) * 0x1_0000_0000 + unsigned(bytes, at + 8, 4)
  const isBeyond = seconds < -LAST_SECOND || seconds > LAST_SECOND || (seconds === LAST_SECOND && nanoseconds > 0)
  if (isBeyond) refuse('a timestamp that no Date reaches')
}

/** Refuses a bigint that is no number or has too many digits: turning digits into a bigint is not linear. */
export function checkBigint(bytes: Uint8Array, at: number, size: number): void {
  const end = at + size
  const first = bytes[at] === 0x2d ? at + 1 : at
  if (first >= end || end - first > MOST_DIGITS) refuse('a bigint of no or too many digits')
  for (let i = first; i < end; i++) {
    const digit = bytes[i] ?? 0
    if (digit < 0x30 || digit > 0x39) refuse('a bigint that is no number')
  }
}

/** Refuses a Map or a Set whose payload does not begin with an array, for a Map one of even length. */
export function checkCollection(bytes: Uint8Array, at: number, size: number, type: number): void {
  const head = size === 0 ? 0 : (bytes[at] ?? 0)
  if ((head & 0xf0) !== 0x90 && head !== 0xdc && head !== 0xdd) refuse('a collection that is no array')
  const length = head === 0xdc ? unsigned(bytes, at + 1, 2) : head === 0xdd ? unsigned(bytes, at + 1, 4) : head & 0x0f
  if (type === Extension.MAP && length % 2 === 1) refuse('a Map with a key and no value')
}

/** An unsigned integer of so many bytes; what lies beyond the end counts as 0. */
export function unsigned(bytes: Uint8Array, at: number, width: number): number {
  let value = 0
  for (let i = 0; i < width; i++) value = value * 256 + (bytes[at + i] ?? 0)
  return value
}
