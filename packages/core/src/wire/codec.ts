import {
  Decoder,
  decodeTimestampExtension,
  Encoder,
  type ExtData,
  encodeDateToTimeSpec,
  encodeTimeSpecToTimestamp,
} from '@msgpack/msgpack'
import { Encoded, EncodeError } from './encoded.ts'
import * as Extension from './extension.ts'
import { type Frame, ProtocolError } from './frames.ts'
import { ONE_FRAME, SCAN_LIMITS, Scan, type ScanLimits, scanMessage, scanValue } from './scan.ts'
import { keep } from './slab.ts'
import { holdsLoneSurrogate } from './utf8.ts'

export { Encoded, EncodeError } from './encoded.ts'

/** An encoder's own memory grows with what it writes; above this many bytes it is given away. */
const LARGE = 262_144
/** What an encoder has room for at first, beside binary that is known to come, in bytes. */
const ROOM = 2_048
/** Ends a cycle. What is too deep for the other side is for the scan, which sees into extensions. */
const DEEPEST = SCAN_LIMITS.depth + 2

const ascii = new TextEncoder()
const dense = new WeakSet<Uint8Array>()
const scratch = new Scan()
let idle: Scan | undefined = new Scan()
/** How many Maps and Sets are being encoded, one in another. */
let nesting = 0

const extensionCodec = { tryToEncode, decode: decodeExtension }
const newEncoder = (initialBufferSize = ROOM) =>
  new Encoder({ extensionCodec, maxDepth: DEEPEST, ignoreUndefined: true, initialBufferSize })
let encoder = newEncoder()
const decoder = new Decoder({ extensionCodec })

/** Is told each decoded frame, for `parseFrame`, and how many bytes it has in its message; `false` ends it there. */
export type OnFrame = (frame: readonly unknown[], size: number) => unknown

/**
 * Scans a message, then decodes it frame by frame. Nothing is told when any part of it is unsafe. What is told is the
 * receiver's own: binary in it shares no memory with anything but its own frame. Returns how many bytes of it were told:
 * what follows them is a message, too.
 *
 * @param given - whether the bytes are the receiver's own for good
 * @throws {@link ProtocolError} when the message is not safe; whatever `onFrame` throws
 */
export function decodeMessage(bytes: Uint8Array, limits: ScanLimits, onFrame: OnFrame, given = false): number {
  const found = idle ?? new Scan()
  // A socket that answers at once may bring the next message while this one is being told.
  idle = undefined
  try {
    scanMessage(bytes, limits, found)
    if (found.hasBin) return decodeApart(bytes, found, onFrame, given)
    if (found.frames > 1) return decodeTogether(bytes, found, onFrame)
    onFrame(decodeScanned(bytes), bytes.length)
    return bytes.length
  } finally {
    idle = found
  }
}

/**
 * Decodes one frame, for `parseFrame`: what never left the process that encoded it.
 *
 * @throws {@link ProtocolError} when it is not one frame that is safe to decode
 */
export function decodeFrame(bytes: Uint8Array): readonly unknown[] {
  scanMessage(bytes, ONE_FRAME, scratch)
  return decodeScanned(scratch.hasBin ? new Uint8Array(bytes) : bytes)
}

/**
 * Decodes a value that is no frame: what a broker carried.
 *
 * @throws {@link ProtocolError} when it is not one value that is safe to decode
 */
export function decodeValue(bytes: Uint8Array): unknown {
  scanValue(bytes, SCAN_LIMITS, scratch)
  return decoder.decode(scratch.hasBin ? new Uint8Array(bytes) : bytes)
}

/**
 * A frame's bytes: safe to keep, never changed again. Fields at the end that are `undefined` are left out.
 *
 * @throws {@link EncodeError} when a value cannot be sent
 */
export function encodeFrame(frame: Frame): Uint8Array {
  const fields = withoutTail(frame)
  // Binary that stands in a frame by itself is written once, in memory of just its size.
  let binary = 0
  let embeds = false
  for (const field of fields) {
    if (field instanceof Uint8Array) binary += field.length
    else if (field instanceof Encoded) embeds = true
  }
  if (binary > LARGE) encoder = newEncoder(binary + ROOM)
  const encoded = embeds ? joined(fields) : encode(fields)
  const containers = checked(encoded, fields, scanMessage)
  // What is large was given away by the encoder, and what was joined has memory of its own: neither is copied.
  const bytes = embeds || encoded.buffer.byteLength > LARGE ? encoded : keep(encoded)
  if (containers > bytes.length / 4 + 1) dense.add(bytes)
  return bytes
}

/**
 * A value to stand in frames: what a broker carries and a ring keeps.
 *
 * @throws {@link EncodeError} when it cannot be sent
 */
export function encodeValue(value: unknown): Encoded {
  const shared = encode(value)
  checked(shared, value, scanValue)
  return new Encoded(shared.slice())
}

/**
 * Whether a frame must be a message of its own: merged with others it might hold more containers than the other side
 * takes. Rare: it has more than one array, map, bin or extension per 4 bytes.
 */
export function travelsAlone(frame: Uint8Array): boolean {
  return dense.has(frame)
}

/**
 * The frame in memory of its own. Small frames share some, which one that is kept for longer than a moment would keep
 * for all of them.
 */
export function unshared(frame: Uint8Array): Uint8Array {
  if (frame.buffer.byteLength === frame.length) return frame
  const own = frame.slice()
  if (dense.has(frame)) dense.add(own)
  return own
}

/** The value's bytes in the encoder's own memory: to be copied before anything else is encoded. */
function encode(value: unknown): Uint8Array {
  const outer = nesting
  try {
    const shared = encoder.encodeSharedRef(value)
    if (shared.buffer.byteLength > LARGE) encoder = newEncoder()
    return shared
  } catch (error) {
    if (error instanceof EncodeError) throw error
    // The encoder's, at the end of a cycle, or a getter's.
    throw new EncodeError(error instanceof Error ? error.message : String(error), { cause: error })
  } finally {
    nesting = outer
  }
}

/** The frame of which some fields are encoded already; those between them are encoded together. */
function joined(fields: readonly unknown[]): Uint8Array {
  const parts: Uint8Array[] = []
  let size = 1
  for (let at = 0; at < fields.length; ) {
    const field = fields[at]
    let end = at + 1
    if (!(field instanceof Encoded)) while (end < fields.length && !(fields[end] instanceof Encoded)) end += 1
    // An array of so few has one byte before what is in it.
    const part = field instanceof Encoded ? field.bytes : encode(fields.slice(at, end)).slice(1)
    parts.push(part)
    size += part.length
    at = end
  }
  const bytes = new Uint8Array(size)
  bytes[0] = 0x90 | fields.length
  let at = 1
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/**
 * Throws for what the other side would refuse: who sends that loses the socket, not the call. Returns how many
 * containers there are.
 */
function checked(bytes: Uint8Array, value: unknown, scan: typeof scanMessage): number {
  try {
    scan(bytes, SCAN_LIMITS, scratch)
  } catch (error) {
    throw error instanceof ProtocolError ? new EncodeError(error.reason, { cause: error }) : error
  }
  const { containers } = scratch
  // For half a surrogate pair in a long string the encoder writes U+FFFD; in a short one the scan has found it.
  if (scratch.hasReplacement && holdsLoneSurrogate(value)) throw new EncodeError('a string with half a surrogate pair')
  return containers
}

/** All frames in one go, which takes half as long as one after another. */
function decodeTogether(bytes: Uint8Array, found: Scan, onFrame: OnFrame): number {
  let i = 0
  let start = 0
  for (const frame of decoder.decodeMulti(bytes)) {
    const end = found.ends[i++] ?? 0
    if (onFrame(frame as readonly unknown[], end - start) === false) return end
    start = end
  }
  return start
}

/**
 * Each frame from a copy of its own, since the decoder hands out binary as views of what it reads. Where the bytes are
 * given, alone in their memory, and most of them the last frame's, it has them for itself.
 */
function decodeApart(bytes: Uint8Array, found: Scan, onFrame: OnFrame, given: boolean): number {
  const mayTakeAll = given && bytes.length === bytes.buffer.byteLength
  let start = 0
  for (let i = 0; i < found.frames; i++) {
    const end = found.ends[i] ?? 0
    const frame = bytes.subarray(start, end)
    const takesAll = mayTakeAll && end === bytes.length && end >= 2 * start
    if (takesAll) bytes.fill(0, 0, start)
    if (onFrame(decodeScanned(takesAll ? frame : new Uint8Array(frame)), end - start) === false) return end
    start = end
  }
  return start
}

/** What was scanned as a frame is an array. */
function decodeScanned(bytes: Uint8Array): readonly unknown[] {
  return decoder.decode(bytes) as readonly unknown[]
}

/** Asked by the encoder for everything that is no primitive: an extension, or `null` for what it knows itself. */
function tryToEncode(value: unknown): ExtData | null {
  if (typeof value === 'bigint') return { type: Extension.BIGINT, data: ascii.encode(String(value)) }
  if (typeof value !== 'object' || value === null) throw new EncodeError(`a ${typeof value}`)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null || Array.isArray(value)) return null
  // By tag and not by `instanceof`: what another realm made (a frame, a test's sandbox) is as good.
  switch (Object.prototype.toString.call(value)) {
    case '[object Uint8Array]':
      return null
    case '[object Date]':
      return { type: Extension.TIMESTAMP, data: timestampOf(value as Date) }
    case '[object Map]':
      return { type: Extension.MAP, data: payloadOf([...(value as Map<unknown, unknown>)].flat()) }
    case '[object Set]':
      return { type: Extension.SET, data: payloadOf([...(value as Set<unknown>)]) }
    case '[object Object]':
      if (Object.getPrototypeOf(prototype) === null) return null
  }
  throw new EncodeError(`an instance of ${value.constructor.name}: send a plain object`)
}

function decodeExtension(data: Uint8Array, type: number): unknown {
  if (type === Extension.TIMESTAMP) return decodeTimestampExtension(data)
  if (type === Extension.BIGINT) return BigInt(String.fromCharCode(...data))
  const elements = decoder.decode(data) as readonly unknown[]
  if (type === Extension.SET) return new Set(elements)
  const map = new Map<unknown, unknown>()
  for (let i = 0; i < elements.length; i += 2) map.set(elements[i], elements[i + 1])
  return map
}

function timestampOf(date: Date): Uint8Array {
  if (Number.isNaN(date.getTime())) throw new EncodeError('an invalid Date')
  return encodeTimeSpecToTimestamp(encodeDateToTimeSpec(date))
}

/** What a Map or a Set holds, as one array; the encoder that is at work makes itself a helper for that. */
function payloadOf(elements: readonly unknown[]): Uint8Array {
  nesting += 1
  if (nesting > DEEPEST) throw new EncodeError('too deep')
  const data = encoder.encodeSharedRef(elements)
  nesting -= 1
  return data
}

function withoutTail(frame: Frame): readonly unknown[] {
  let length: number = frame.length
  while (frame[length - 1] === undefined) length -= 1
  return length === frame.length ? frame : frame.slice(0, length)
}
