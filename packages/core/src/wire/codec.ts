import { Decoder, decodeTimestampExtension } from '@msgpack/msgpack'
import { type Frame, ProtocolError } from './frames.ts'
import { SCAN_LIMITS, Scan, type ScanLimits, scanMessage, scanValue } from './scan.ts'
import { Encoded, EncodeError, Writer } from './writer.ts'

export { Encoded, EncodeError } from './writer.ts'

/** One of each is enough until a getter, or a socket that answers at once, comes in between. */
let idleWriter: Writer | undefined = new Writer()
let idleScan: Scan | undefined = new Scan()

/** Frames that hold more containers than their bytes allow for, and live on the allowance of a whole message. */
const dense = new WeakSet<Uint8Array>()

/**
 * A frame's bytes: safe to keep, never changed again. Fields at the end that are `undefined` are left out.
 *
 * @throws {@link EncodeError} when a value cannot be sent
 */
export function encodeFrame(frame: Frame): Uint8Array {
  const writer = idleWriter ?? new Writer()
  idleWriter = undefined
  try {
    const fields: readonly unknown[] = frame
    let length = fields.length
    while (fields[length - 1] === undefined) length -= 1
    writer.array(length)
    for (let i = 0; i < length; i++) {
      const field = fields[i]
      if (field instanceof Encoded) writer.encoded(field)
      else writer.value(field, 1)
    }
    const { containers } = writer
    const bytes = writer.take(false)
    if (containers > bytes.length / 4 + 1) {
      if (containers > SCAN_LIMITS.containers + bytes.length / 4) throw tooMany()
      dense.add(bytes)
    }
    return bytes
  } catch (error) {
    writer.drop()
    throw error
  } finally {
    idleWriter = writer
  }
}

/**
 * A value to stand in frames: what a broker carries and a ring keeps.
 *
 * @throws {@link EncodeError} when it cannot be sent
 */
export function encodeValue(value: unknown): Encoded {
  const writer = idleWriter ?? new Writer()
  idleWriter = undefined
  try {
    writer.value(value, 1)
    const { containers } = writer
    const bytes = writer.take(true)
    if (containers > SCAN_LIMITS.containers + bytes.length / 4) throw tooMany()
    return new Encoded(bytes, containers)
  } catch (error) {
    writer.drop()
    throw error
  } finally {
    idleWriter = writer
  }
}

function tooMany(): EncodeError {
  return new EncodeError('a value of so many empty or tiny arrays and objects cannot be sent')
}

/**
 * A value that was encoded elsewhere and came back over a broker, checked, to stand in frames.
 *
 * @throws {@link ProtocolError} when the bytes are not one value that is safe to decode
 */
export function encodedElsewhere(bytes: Uint8Array): Encoded {
  const found = idleScan ?? new Scan()
  scanValue(bytes, SCAN_LIMITS, found)
  return new Encoded(bytes, found.containers)
}

/**
 * Whether a frame must be a message of its own: merged with others it might hold more containers than the other side
 * takes. Rare: more than one array, map, bin or extension per 4 bytes.
 */
export function travelsAlone(frame: Uint8Array): boolean {
  return dense.has(frame)
}

/**
 * Scans a message, then decodes it frame by frame. Nothing is told when any part of it is unsafe. What is told is the
 * receiver's own: no binary in it shares memory with the message.
 *
 * @param onFrame - is told each decoded frame, for `parseFrame`, and how many bytes it has in the message
 * @throws {@link ProtocolError} when the message is not safe; whatever `onFrame` throws
 */
export function decodeMessage(
  bytes: Uint8Array,
  limits: ScanLimits,
  onFrame: (value: unknown, size: number) => void,
): void {
  const found = idleScan ?? new Scan()
  idleScan = undefined
  try {
    scanMessage(bytes, limits, found)
    let start = 0
    for (let i = 0; i < found.frames; i++) {
      const end = found.ends[i] ?? 0
      const frame = bytes.subarray(start, end)
      onFrame(decode(found.hasBin ? new Uint8Array(frame) : frame), end - start)
      start = end
    }
  } finally {
    idleScan = found
  }
}

/**
 * Decodes a value that is no frame: what a broker carried.
 *
 * @throws {@link ProtocolError} when it is not safe
 */
export function decodeValue(bytes: Uint8Array): unknown {
  const found = idleScan ?? new Scan()
  scanValue(bytes, SCAN_LIMITS, found)
  return decode(found.hasBin ? new Uint8Array(bytes) : bytes)
}

/** Extensions of what was scanned; the receiving half alone, since a {@link Writer} writes them itself. */
const decoder = new Decoder({
  extensionCodec: {
    tryToEncode: () => null,
    decode(data, type) {
      if (type === -1) return decodeTimestampExtension(data)
      if (type === 1) return BigInt(String.fromCharCode(...data))
      const elements = decode(data) as unknown[]
      return type === 3 ? new Set(elements) : mapOf(elements)
    },
  },
})

function decode(bytes: Uint8Array): unknown {
  try {
    return decoder.decode(bytes)
  } catch {
    throw new ProtocolError('a message that cannot be decoded')
  }
}

function mapOf(elements: readonly unknown[]): Map<unknown, unknown> {
  const map = new Map<unknown, unknown>()
  for (let i = 0; i < elements.length; i += 2) map.set(elements[i], elements[i + 1])
  return map
}
