import { ProtocolError } from './frames.ts'
import { judgeUtf8, Utf8 } from './utf8.ts'

/** What a message may hold. */
export interface ScanLimits {
  /** How deep arrays and maps may nest, at most 64; a frame itself is one deep. */
  readonly depth: number
  /** Arrays, maps, bins and extensions in a message, beside one more per 4 bytes. */
  readonly containers: number
  /** Frames in a message. */
  readonly frames: number
}

/** The limits of guarantees.md. */
export const SCAN_LIMITS: ScanLimits = { depth: 32, containers: 10_000, frames: 10_000 }

/** Most decimal digits of a bigint. */
export const MOST_DIGITS = 1_024

/** Deepest nesting that can be asked for: the stack below has room for no more. */
const DEEPEST = 64

const LAST_SECOND = 8_640_000_000_000
const LAST_NANOSECOND = 999_999_999
/** The upper half of 2⁵³ − 1. */
const LARGEST_HIGH = 0x1f_ffff
const PROTO = [0x5f, 0x5f, 0x70, 0x72, 0x6f, 0x74, 0x6f, 0x5f, 0x5f]

const LIST = 0
const MAP = 1
const EXTENSION = 2

/** What a scan found; made once, and used for message after message. */
export class Scan {
  /** Where each frame ends; the first `frames` elements count. */
  ends = new Uint32Array(16)
  frames = 0
  /** Whether anything in it is binary. */
  hasBin = false
  /** Whether U+FFFD is in a string. */
  hasReplacement = false
  /** Arrays, maps, bins and extensions. */
  containers = 0
}

/** What is left to read of each open container: elements, for a map keys and values. An extension nests beside depth. */
const lefts = new Float64Array(2 * DEEPEST + 2)
const kinds = new Uint8Array(2 * DEEPEST + 2)
/** Where each open extension must end. */
const stops = new Float64Array(2 * DEEPEST + 2)

/**
 * Is this message safe to decode? One pass over all of its frames that allocates and trusts nothing. What passes holds
 * exactly what its headers promise, in values that Tautline knows, so that no decoder can be made to allocate more
 * than a small multiple of it.
 *
 * @throws {@link ProtocolError} when it is not, or is no run of frames
 */
export function scanMessage(bytes: Uint8Array, limits: ScanLimits, found: Scan): void {
  begin(found)
  if (bytes.length === 0) refuse('an empty message')
  let at = 0
  while (at < bytes.length) {
    if (found.frames >= limits.frames) refuse('too many frames')
    frameHead(bytes, at)
    at = element(bytes, at, 0, limits, found)
    if (found.frames === found.ends.length) found.ends = grown(found.ends)
    found.ends[found.frames++] = at
  }
}

/**
 * Is this one value safe to decode, and to stand in a frame?
 *
 * @throws {@link ProtocolError} when it is not
 */
export function scanValue(bytes: Uint8Array, limits: ScanLimits, found: Scan): void {
  begin(found)
  if (element(bytes, 0, 1, limits, found) !== bytes.length) refuse('bytes after the end')
}

function begin(found: Scan): void {
  found.frames = 0
  found.hasBin = false
  found.hasReplacement = false
  found.containers = 0
}

function grown(ends: Uint32Array): Uint32Array<ArrayBuffer> {
  const next = new Uint32Array(ends.length * 4)
  next.set(ends)
  return next
}

/** A frame is an array whose first element is a positive fixint. */
function frameHead(bytes: Uint8Array, at: number): void {
  const head = byte(bytes, at)
  const type = head === 0xdc ? at + 3 : head === 0xdd ? at + 5 : at + 1
  const isArray = (head > 0x90 && head <= 0x9f) || head === 0xdc || head === 0xdd
  if (!isArray || type >= bytes.length || byte(bytes, type) > 0x7f)
    refuse('a frame must be an array that begins with its type')
}

/** Walks over one element and everything in it; returns where it ends. `outer` is how deep it stands already. */
function element(bytes: Uint8Array, start: number, outer: number, limits: ScanLimits, found: Scan): number {
  const end = bytes.length
  const cap = limits.containers + (end >>> 2)
  const deepest = Math.min(limits.depth, DEEPEST)
  let at = start
  let depth = outer
  let top = 0
  let kind = LIST
  let left = 1
  /** Elements promised and not yet read, over all open containers. */
  let pending = 1

  for (;;) {
    while (left === 0) {
      if (top === 0) return at
      if (kind !== EXTENSION) depth -= 1
      else if (at !== stops[top]) refuse('an extension that does not end where it should')
      top -= 1
      kind = kinds[top] ?? LIST
      left = lefts[top] ?? 0
    }
    if (at >= end) refuse('a message that is cut short')
    const head = byte(bytes, at)
    const isKey = kind === MAP && (left & 1) === 0
    at += 1
    left -= 1
    pending -= 1

    let size = 0
    let opens = -1
    if (head >= 0xe0) {
      if (isKey) refuse('a key that is no string')
      continue
    }
    if (head < 0xc0) {
      if (head >= 0xa0) {
        size = head & 0x1f
        if (at + size > end) refuse('a message that is cut short')
        if (isKey && size === 9 && isProto(bytes, at)) refuse('a forbidden key')
        text(bytes, at, size, found)
        at += size
        continue
      }
      if (isKey) refuse('a key that is no string')
      if (head < 0x80) continue
      opens = head < 0x90 ? MAP : LIST
      size = head & 0x0f
    } else if (head >= 0xd9 && head <= 0xdb) {
      const width = head === 0xd9 ? 1 : head === 0xda ? 2 : 4
      size = unsigned(bytes, at, width)
      at += width
      if (at + size > end) refuse('a message that is cut short')
      if (isKey && size === 9 && isProto(bytes, at)) refuse('a forbidden key')
      text(bytes, at, size, found)
      at += size
      continue
    } else {
      if (isKey) refuse('a key that is no string')
      switch (head) {
        case 0xc0:
        case 0xc2:
        case 0xc3:
          continue
        case 0xcc:
        case 0xd0:
          at += 1
          break
        case 0xcd:
        case 0xd1:
          at += 2
          break
        case 0xca:
        case 0xce:
        case 0xd2:
          at += 4
          break
        case 0xcb:
          at += 8
          break
        case 0xcf:
          if (at + 8 <= end && unsigned(bytes, at, 4) > LARGEST_HIGH) refuse('an integer beyond 2^53 - 1')
          at += 8
          break
        case 0xd3:
          if (at + 8 <= end && !isSafe(bytes, at)) refuse('an integer beyond 2^53 - 1')
          at += 8
          break
        case 0xdc:
        case 0xdd:
        case 0xde:
        case 0xdf: {
          const width = head & 1 ? 4 : 2
          opens = head < 0xde ? LIST : MAP
          size = unsigned(bytes, at, width)
          at += width
          break
        }
        case 0xc4:
        case 0xc5:
        case 0xc6: {
          const width = head === 0xc4 ? 1 : head === 0xc5 ? 2 : 4
          at += width + unsigned(bytes, at, width)
          found.hasBin = true
          if (++found.containers > cap) refuse('too many containers')
          break
        }
        case 0xc1:
          refuse('a byte that MessagePack does not use')
          break
        default: {
          // Extensions: c7 to c9 with a length, d4 to d8 of 1, 2, 4, 8 and 16 bytes.
          const width = head >= 0xd4 ? 0 : head === 0xc7 ? 1 : head === 0xc8 ? 2 : 4
          size = width === 0 ? 1 << (head - 0xd4) : unsigned(bytes, at, width)
          const type = byte(bytes, at + width)
          at += width + 1
          if (at + size > end) refuse('a message that is cut short')
          if (++found.containers > cap) refuse('too many containers')
          if (type === 2 || type === 3) {
            if (!isPayload(bytes, at, size, type === 2)) refuse('a Map or a Set that is no array')
            kinds[top] = kind
            lefts[top] = left
            top += 1
            stops[top] = at + size
            kind = EXTENSION
            left = 1
            pending += 1
          } else {
            if (type === 0xff) timestamp(bytes, at, size)
            else if (type === 1) digits(bytes, at, size)
            else refuse('an unknown extension')
            at += size
          }
          continue
        }
      }
      if (opens < 0) {
        if (at > end) refuse('a message that is cut short')
        continue
      }
    }

    const elements = opens === MAP ? size * 2 : size
    pending += elements
    if (pending > end - at) refuse('a message that promises more than it holds')
    if (++found.containers > cap) refuse('too many containers')
    if (++depth > deepest) refuse('too deep')
    kinds[top] = kind
    lefts[top] = left
    top += 1
    kind = opens
    left = elements
  }
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0
}

function unsigned(bytes: Uint8Array, at: number, width: number): number {
  let value = 0
  for (let i = 0; i < width; i++) value = value * 256 + byte(bytes, at + i)
  return value
}

/** Whether an int64 lies within ±(2⁵³ − 1). */
function isSafe(bytes: Uint8Array, at: number): boolean {
  const high = unsigned(bytes, at, 4) | 0
  if (high >= 0) return high <= LARGEST_HIGH
  return high > -LARGEST_HIGH - 1 || (high === -LARGEST_HIGH - 1 && unsigned(bytes, at + 4, 4) > 0)
}

function text(bytes: Uint8Array, at: number, size: number, found: Scan): void {
  const judgement = judgeUtf8(bytes, at, at + size)
  if (judgement === Utf8.BROKEN) refuse('a string that is no UTF-8')
  if (judgement === Utf8.REPLACED) found.hasReplacement = true
}

function isProto(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < 9; i++) if (bytes[at + i] !== PROTO[i]) return false
  return true
}

/** Whether the payload of a Map or a Set begins with an array, for a Map one of even length. */
function isPayload(bytes: Uint8Array, at: number, size: number, even: boolean): boolean {
  const head = size === 0 ? 0 : byte(bytes, at)
  const last = head === 0xdc ? byte(bytes, at + 2) : head === 0xdd ? byte(bytes, at + 4) : head
  return ((head & 0xf0) === 0x90 || head === 0xdc || head === 0xdd) && !(even && (last & 1) === 1)
}

function timestamp(bytes: Uint8Array, at: number, size: number): void {
  if (size === 4) return
  if (size !== 8 && size !== 12) refuse('a timestamp of unknown length')
  const first = unsigned(bytes, at, 4)
  if ((size === 8 ? first >>> 2 : first) > LAST_NANOSECOND) refuse('a timestamp with too many nanoseconds')
  if (size === 8) return
  const seconds = (unsigned(bytes, at + 4, 4) | 0) * 0x1_0000_0000 + unsigned(bytes, at + 8, 4)
  if (seconds < -LAST_SECOND || seconds > LAST_SECOND || (seconds === LAST_SECOND && first > 0))
    refuse('a timestamp that no Date reaches')
}

function digits(bytes: Uint8Array, at: number, size: number): void {
  const first = byte(bytes, at) === 0x2d ? at + 1 : at
  const count = at + size - first
  if (count < 1 || count > MOST_DIGITS) refuse('a bigint of no or too many digits')
  for (let i = first; i < at + size; i++) {
    const digit = byte(bytes, i)
    if (digit < 0x30 || digit > 0x39) refuse('a bigint that is no number')
  }
}

function refuse(reason: string): never {
  throw new ProtocolError(reason)
}
