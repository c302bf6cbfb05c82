import * as Extension from './extension.ts'
import { checkBigint, checkCollection, checkTimestamp, unsigned } from './extensions.ts'
import { refuse } from './frames.ts'
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

/** The same, of a message that is one frame alone. */
export const ONE_FRAME: ScanLimits = { ...SCAN_LIMITS, frames: 1 }

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

/**
 * Is this message safe to decode? One pass over all of its frames that allocates and trusts nothing. What passes holds
 * exactly what its heads promise, in values that Tautline knows, so that no decoder can be made to allocate more than a
 * small multiple of it.
 *
 * @throws {@link ProtocolError} when it is not, or is no run of frames
 */
export function scanMessage(bytes: Uint8Array, limits: ScanLimits, found: Scan): void {
  begin(found)
  let at = 0
  do {
    if (found.frames >= limits.frames) refuse('too many frames')
    checkFrameHead(bytes, at)
    at = element(bytes, at, 0, limits, found)
    if (found.frames === found.ends.length) found.ends = grown(found.ends)
    found.ends[found.frames++] = at
  } while (at < bytes.length)
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
  const more = new Uint32Array(ends.length * 4)
  more.set(ends)
  return more
}

/** A frame is an array whose first element is a positive fixint. */
function checkFrameHead(bytes: Uint8Array, at: number): void {
  const head = bytes[at] ?? 0
  const width = head === 0xdc ? 2 : head === 0xdd ? 4 : 0
  const isArray = width > 0 || (head > 0x90 && head < 0xa0)
  if (!isArray || (bytes[at + width + 1] ?? 0xff) > 0x7f) refuse('a frame must be an array that begins with its type')
}

/** What a head byte begins. Those up to `FIXED` have no length of their own. */
const FIXED = 0
const WIDE = 1
const UNUSED = 2
const STRING = 3
const BIN = 4
const EXTENSION = 5
const ARRAY = 6
const MAP = 7

/** For the heads c0 to df: what they begin, and how many bytes their length, or for `FIXED` their value, has. */
// biome-ignore format: one row for eight heads
const SORT = Uint8Array.of(
  FIXED, UNUSED, FIXED, FIXED, BIN, BIN, BIN, EXTENSION,
  EXTENSION, EXTENSION, FIXED, FIXED, FIXED, FIXED, FIXED, WIDE,
  FIXED, FIXED, FIXED, WIDE, EXTENSION, EXTENSION, EXTENSION, EXTENSION,
  EXTENSION, STRING, STRING, STRING, ARRAY, ARRAY, MAP, MAP,
)
// biome-ignore format: one row for eight heads
const WIDTH = Uint8Array.of(
  0, 0, 0, 0, 1, 2, 4, 1,
  2, 4, 4, 8, 1, 2, 4, 8,
  1, 2, 4, 8, 0, 0, 0, 0,
  0, 1, 2, 4, 2, 4, 2, 4,
)

/** Deepest nesting that can be asked for: the stacks have room for no more, with an extension around each array. */
const DEEPEST = 64
/** Of each open container: what it is, how many elements are left (of a map keys and values), where it must end. */
const sorts = new Uint8Array(2 * DEEPEST + 2)
const lefts = new Int32Array(2 * DEEPEST + 2)
const stops = new Float64Array(2 * DEEPEST + 2)

/** Walks over one element and everything in it; returns where it ends. `outer` is how deep it stands already. */
function element(bytes: Uint8Array, start: number, outer: number, limits: ScanLimits, found: Scan): number {
  const end = bytes.length
  const cap = limits.containers + (end >>> 2)
  const deepest = Math.min(limits.depth, DEEPEST)
  let at = start
  let depth = outer
  let top = 0
  let open = ARRAY
  let left = 1
  /** Elements promised and not yet read, over all open containers. */
  let pending = 1

  for (;;) {
    while (left === 0) {
      if (top === 0) return at
      if (open !== EXTENSION) depth -= 1
      else if (at !== stops[top]) refuse('a collection that does not end where it should')
      top -= 1
      open = sorts[top] as number
      left = lefts[top] as number
    }
    if (at >= end) refuse('a message that is cut short')
    const head = bytes[at] as number
    const isKey = open === MAP && (left & 1) === 0
    at += 1
    left -= 1
    pending -= 1

    // The integers of one byte; anything else is looked at below.
    if ((head < 0x80 || head >= 0xe0) && !isKey) continue

    let sort = FIXED
    let size = 0
    if (head < 0xc0) {
      if (head >= 0xa0) sort = STRING
      else if (head >= 0x90) sort = ARRAY
      else if (head >= 0x80) sort = MAP
      size = sort === STRING ? head & 0x1f : head & 0x0f
    } else if (head < 0xe0) {
      const width = WIDTH[head & 0x1f] as number
      sort = SORT[head & 0x1f] as number
      if (sort <= WIDE) size = width
      else {
        // The extensions of 1, 2, 4, 8 and 16 bytes have no length; nor has what is unused.
        size = width === 0 ? 1 << (head - 0xd4) : unsigned(bytes, at, width)
        at += width
      }
    }
    if (sort === STRING) {
      if (at + size > end) refuse('a message that is cut short')
      if (isKey && size === PROTO.length && isProto(bytes, at)) refuse('a key "__proto__"')
      checkText(bytes, at, size, found)
      at += size
      continue
    }
    if (isKey) refuse('a key that is no string')

    switch (sort) {
      case FIXED:
        at += size
        break
      case WIDE:
        if (!isSafe(bytes, at, head === 0xd3)) refuse('an integer beyond 2^53 - 1')
        at += size
        break
      case BIN:
        if (++found.containers > cap) refuse('too many containers')
        found.hasBin = true
        at += size
        break
      case EXTENSION: {
        const type = ((bytes[at] ?? 0) << 24) >> 24
        at += 1
        if (++found.containers > cap) refuse('too many containers')
        if (type === Extension.TIMESTAMP) checkTimestamp(bytes, at, size)
        else if (type === Extension.BIGINT) checkBigint(bytes, at, size)
        else if (type === Extension.MAP || type === Extension.SET) {
          // Looked through as if what is in it stood in place: else it would smuggle in what is refused elsewhere.
          checkCollection(bytes, at, size, type)
          sorts[top] = open
          lefts[top] = left
          top += 1
          stops[top] = at + size
          open = EXTENSION
          left = 1
          pending += 1
          break
        } else refuse('an unknown extension')
        at += size
        break
      }
      case ARRAY:
      case MAP:
        if (++found.containers > cap) refuse('too many containers')
        if (++depth > deepest) refuse('too deep')
        sorts[top] = open
        lefts[top] = left
        top += 1
        open = sort
        left = sort === MAP ? size * 2 : size
        pending += left
        if (pending > end - at) refuse('a message that promises more than it holds')
        break
      default:
        refuse('a byte that MessagePack does not use')
    }
    if (at > end) refuse('a message that is cut short')
  }
}

/** Whether an integer of 64 bits lies within ±(2⁵³ − 1): two bytes tell, for all but −2⁵³. */
function isSafe(bytes: Uint8Array, at: number, signed: boolean): boolean {
  const high = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  if (!signed || high < 0x8000) return high <= 0x1f
  return high > 0xffe0 || (high === 0xffe0 && unsigned(bytes, at + 2, 6) > 0)
}

/** Most strings are short and ASCII, and not worth a call. */
const SHORT = 64
const PROTO = '__proto__'

function isProto(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < PROTO.length; i++) if (bytes[at + i] !== PROTO.charCodeAt(i)) return false
  return true
}

function checkText(bytes: Uint8Array, at: number, size: number, found: Scan): void {
  const end = at + size
  let i = at
  if (size < SHORT) while (i < end && (bytes[i] as number) < 0x80) i += 1
  if (i === end) return
  const judgement = judgeUtf8(bytes, i, end)
  if (judgement === Utf8.BROKEN) refuse('a string that is no UTF-8')
  if (judgement === Utf8.REPLACED) found.hasReplacement = true
}
