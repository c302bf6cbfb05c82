import { Decoder, decodeTimestampExtension } from '@msgpack/msgpack'
import { Encoder } from './encode.ts'
import { Encoded, EncodeError } from './encoded.ts'
import * as Extension from './extension.ts'
import type { Frame } from './frames.ts'
import { ONE_FRAME, SCAN_LIMITS, Scan, type ScanLimits, scanMessage, scanValue } from './scan.ts'

export { Encoded, EncodeError } from './encoded.ts'

const dense = new WeakSet<Uint8Array>()
const scratch = new Scan()
let idle: Scan | undefined = new Scan()
let idleEncoder: Encoder | undefined
/** Only for what it reads: an encoder of our own checks in the same pass what the scan would find afterwards. */
const decoder = new Decoder({ extensionCodec: { tryToEncode: () => null, decode: decodeExtension } })

/**
 * Scans a message, then decodes it frame by frame. Nothing is told when any part of it is unsafe. What is told is the
 * receiver's own: binary in it shares no memory with anything but its own frame.
 *
 * @param onFrame - is told each decoded frame, for `parseFrame`, and how many bytes it has in the message
 * @param given - whether the bytes are the receiver's own for good, and all that is in their memory
 * @throws {@link ProtocolError} when the message is not safe; whatever `onFrame` throws
 */
export function decodeMessage(
  bytes: Uint8Array,
  limits: ScanLimits,
  onFrame: (frame: readonly unknown[], size: number) => void,
  given = false,
): void {
  const found = idle ?? new Scan()
  // A socket that answers at once may bring the next message while this one is being told.
  idle = undefined
  try {
    scanMessage(bytes, limits, found)
    if (found.hasBin) decodeApart(bytes, found, onFrame, given)
    else if (found.frames > 1) decodeTogether(bytes, found, onFrame)
    else onFrame(decodeScanned(bytes), bytes.length)
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
  return encodeWith(encoder => {
    const bytes = encoder.frame(frame)
    if (encoder.containers > bytes.length / 4 + 1) dense.add(bytes)
    return bytes
  })
}

/**
 * A value to stand in frames: what a broker carries and a ring keeps.
 *
 * @throws {@link EncodeError} when it cannot be sent
 */
export function encodeValue(value: unknown): Encoded {
  return new Encoded(unshared(encodeWith(encoder => encoder.value(value))))
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
  if (frame.buffer.byteLength < frame.length * 2) return frame
  const own = frame.slice()
  if (dense.has(frame)) dense.add(own)
  return own
}

/** With the one encoder there is; what a getter encodes meanwhile gets one of its own. */
function encodeWith(encode: (encoder: Encoder) => Uint8Array): Uint8Array {
  const encoder = idleEncoder ?? new Encoder()
  idleEncoder = undefined
  try {
    return encode(encoder)
  } catch (error) {
    if (error instanceof EncodeError) throw error
    // A getter's, or of bytes that an engine brought.
    throw new EncodeError(error instanceof Error ? error.message : String(error), { cause: error })
  } finally {
    idleEncoder = encoder
  }
}

/** All frames in one go, which takes half as long as one after another. */
function decodeTogether(
  bytes: Uint8Array,
  found: Scan,
  onFrame: (frame: readonly unknown[], size: number) => void,
): void {
  let i = 0
  let start = 0
  for (const frame of decoder.decodeMulti(bytes)) {
    const end = found.ends[i++] ?? 0
    onFrame(frame as readonly unknown[], end - start)
    start = end
  }
}

/**
 * Each frame from a copy of its own, since the decoder hands out binary as views of what it reads. Where the bytes are
 * given, and most of them are the last frame, it has them for itself.
 */
function decodeApart(
  bytes: Uint8Array,
  found: Scan,
  onFrame: (frame: readonly unknown[], size: number) => void,
  given: boolean,
): void {
  let start = 0
  for (let i = 0; i < found.frames; i++) {
    const end = found.ends[i] ?? 0
    const frame = bytes.subarray(start, end)
    const takesAll = given && end === bytes.length && end >= 2 * start
    if (takesAll) bytes.fill(0, 0, start)
    onFrame(decodeScanned(takesAll ? frame : new Uint8Array(frame)), end - start)
    start = end
  }
}

/** What was scanned as a frame is an array. */
function decodeScanned(bytes: Uint8Array): readonly unknown[] {
  return decoder.decode(bytes) as readonly unknown[]
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
