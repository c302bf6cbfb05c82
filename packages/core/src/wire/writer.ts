// ============================ LEAD'S DECISION: READ, THEN REMOVE THIS NOTE ============================
// No hand-written MessagePack encoder. "A library, even a slower one, beats our code": encoding goes through
// @msgpack/msgpack's `Encoder` (one reused instance, `encodeSharedRef`, `ignoreUndefined`, `maxDepth`), with our own
// ExtensionCodecType object whose `tryToEncode` handles Date/bigint/Map/Set and throws EncodeError for class instances,
// functions etc. Then run `scanValue` over the produced bytes (cheap, 2-10 %): what it refuses (lone surrogates, depth,
// containers) becomes an EncodeError, so nothing leaves that the other side would refuse, by construction, and the
// container count comes for free. Hand-written stays only the head of a frame (array head, small ints, short ASCII
// strings) in front of an `Encoded` tail, and the slab that results are copied into. Delete writer.ts accordingly
// (keep `Encoded`/`EncodeError`, e.g. in encoded.ts). The same for decoding: the library's `Decoder`.
// ====================================================================================================
import { MOST_DIGITS, SCAN_LIMITS } from './scan.ts'

/** Frames are written into shared pieces of memory of this size; what is larger gets its own. */
const SLAB = 16_384
/** A result above this is copied out of its slab, so that keeping it keeps nothing else. */
const OWN = 4_096
/** Up to this many characters a loop is faster than `TextEncoder`. */
const SHORT = 48

const LARGEST_DATE = 0x3_ffff_ffff
const LONE_SURROGATE = /\p{Surrogate}/u
const utf8 = new TextEncoder()

/** A value that cannot be sent as it is; the message says why. */
export class EncodeError extends TypeError {
  override readonly name = 'EncodeError'
}

/**
 * A value that was encoded before. It may stand for any field of a frame, so that a publication is encoded once and
 * framed many times.
 */
export class Encoded {
  /** The value in MessagePack; its own memory. Not to be changed. */
  readonly bytes: Uint8Array
  /** Arrays, maps, bins and extensions in it. */
  readonly containers: number

  constructor(bytes: Uint8Array, containers: number) {
    this.bytes = bytes
    this.containers = containers
  }
}

/**
 * Values to MessagePack. It writes nothing that {@link scanValue} would refuse: who sends what the other side refuses
 * loses the socket, not the call.
 */
export class Writer {
  #bytes = new Uint8Array(SLAB)
  #view = new DataView(this.#bytes.buffer)
  #start = 0
  #at = 0
  #containers = 0

  /** Arrays, maps, bins and extensions written since the last {@link Writer.take}. */
  get containers(): number {
    return this.#containers
  }

  /** Throws away what was written since the last {@link Writer.take}. */
  drop(): void {
    this.#at = this.#start
    this.#containers = 0
  }

  /** What was written since the last time: memory that nobody writes to again. `own`: and that nobody else reads. */
  take(own: boolean): Uint8Array {
    const from = this.#start
    const size = this.#at - from
    this.#containers = 0
    if (from === 0 && size * 8 >= this.#bytes.length * 7) {
      const whole = this.#bytes.subarray(0, size)
      this.#renew(SLAB)
      return whole
    }
    if (own || size > OWN) {
      this.#at = from
      const copy = this.#bytes.slice(from, from + size)
      if (this.#bytes.length > SLAB * 8) this.#renew(SLAB)
      return copy
    }
    this.#start = this.#at
    return this.#bytes.subarray(from, this.#at)
  }

  /** Begins an array of so many elements, which the caller writes. */
  array(length: number): void {
    this.#containers += 1
    if (length < 16) this.#byte(0x90 | length)
    else if (length < 0x1_0000) this.#head16(0xdc, length)
    else this.#head32(0xdd, length)
  }

  /** A value that stands in `depth` arrays or maps. */
  value(value: unknown, depth: number): void {
    switch (typeof value) {
      case 'string':
        return this.#string(value)
      case 'number':
        return this.#number(value)
      case 'boolean':
        return this.#byte(value ? 0xc3 : 0xc2)
      case 'undefined':
        return this.#byte(0xc0)
      case 'object':
        return value === null ? this.#byte(0xc0) : this.#object(value, depth)
      case 'bigint':
        return this.#bigint(value)
      default:
        throw new EncodeError(`a ${typeof value} cannot be sent`)
    }
  }

  /** Something that was encoded before. */
  encoded(value: Encoded): void {
    const { bytes } = value
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
    this.#containers += value.containers
  }

  #object(value: object, depth: number): void {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Object.prototype || prototype === null) return this.#map(value as Record<string, unknown>, depth)
    if (Array.isArray(value)) {
      this.#deeper(depth)
      this.array(value.length)
      // Not for-of: an array with its own iterator would yield another number of elements than it has.
      for (let i = 0; i < value.length; i++) this.value(value[i], depth + 1)
      return
    }
    if (value instanceof Uint8Array) return this.#bin(value)
    if (value instanceof Date) return this.#date(value)
    if (value instanceof Map) {
      const entries: unknown[] = []
      for (const [key, item] of value) entries.push(key, item)
      return this.#extension(2, entries, depth)
    }
    if (value instanceof Set) return this.#extension(3, [...value], depth)
    throw new EncodeError(`an instance of ${nameOf(prototype)} cannot be sent: send a plain object`)
  }

  #map(value: Record<string, unknown>, depth: number): void {
    this.#deeper(depth)
    this.#containers += 1
    const keys = Object.keys(value)
    // `undefined` is left out, and a getter is asked once: how many entries there are shows only at the end.
    const head = this.#at - this.#start
    if (keys.length < 16) this.#byte(0x80)
    else if (keys.length < 0x1_0000) this.#head16(0xde, 0)
    else this.#head32(0xdf, 0)
    let count = 0
    for (const key of keys) {
      const item = value[key]
      if (item === undefined) continue
      if (key === '__proto__') throw new EncodeError('an object with a key "__proto__" cannot be sent')
      count += 1
      this.#string(key)
      this.value(item, depth + 1)
    }
    const at = this.#start + head
    if (keys.length < 16) this.#bytes[at] = 0x80 | count
    else if (keys.length < 0x1_0000) this.#view.setUint16(at + 1, count)
    else this.#view.setUint32(at + 1, count)
  }

  /** Integers as such up to 2⁵³ − 1; any other number, −0 too, as a float of 64 bits. */
  #number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      this.#room(9)
      this.#bytes[this.#at] = 0xcb
      this.#view.setFloat64(this.#at + 1, value)
      this.#at += 9
    } else if (value >= 0) {
      if (value < 0x80) this.#byte(value)
      else if (value < 0x100) this.#head8(0xcc, value)
      else if (value < 0x1_0000) this.#head16(0xcd, value)
      else if (value < 0x1_0000_0000) this.#head32(0xce, value)
      else this.#wide(0xcf, value)
    } else if (value >= -0x20) this.#byte(value & 0xff)
    else if (value >= -0x80) this.#head8(0xd0, value & 0xff)
    else if (value >= -0x8000) this.#head16(0xd1, value & 0xffff)
    else if (value >= -0x8000_0000) this.#head32(0xd2, value >>> 0)
    else this.#wide(0xd3, value)
  }

  #wide(head: number, value: number): void {
    this.#room(9)
    this.#bytes[this.#at] = head
    this.#view.setInt32(this.#at + 1, Math.floor(value / 0x1_0000_0000))
    this.#view.setUint32(this.#at + 5, value >>> 0)
    this.#at += 9
  }

  #string(value: string): void {
    const { length } = value
    if (length > SHORT) return this.#longString(value)
    this.#room(2 + length)
    const from = this.#at + (length < 32 ? 1 : 2)
    const bytes = this.#bytes
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i)
      if (unit > 0x7f) return this.#longString(value)
      bytes[from + i] = unit
    }
    if (length < 32) bytes[this.#at] = 0xa0 | length
    else {
      bytes[this.#at] = 0xd9
      bytes[this.#at + 1] = length
    }
    this.#at = from + length
  }

  #longString(value: string): void {
    this.#room(5 + value.length * 3)
    // The head that fits when all is ASCII: mostly right, and else the bytes are moved.
    const guess = stringHead(value.length)
    const { written } = utf8.encodeInto(value, this.#bytes.subarray(this.#at + guess))
    if (written !== value.length && LONE_SURROGATE.test(value)) {
      throw new EncodeError('a string with half a surrogate pair cannot be sent')
    }
    const head = stringHead(written)
    if (head !== guess) {
      this.#bytes.copyWithin(this.#at + head, this.#at + guess, this.#at + guess + written)
    }
    if (head === 1) this.#byte(0xa0 | written)
    else if (head === 2) this.#head8(0xd9, written)
    else if (head === 3) this.#head16(0xda, written)
    else this.#head32(0xdb, written)
    this.#at += written
  }

  #bin(value: Uint8Array): void {
    this.#containers += 1
    const size = value.length
    if (size < 0x100) this.#head8(0xc4, size)
    else if (size < 0x1_0000) this.#head16(0xc5, size)
    else this.#head32(0xc6, size)
    this.#room(size)
    this.#bytes.set(value, this.#at)
    this.#at += size
  }

  #date(value: Date): void {
    const time = value.getTime()
    if (Number.isNaN(time)) throw new EncodeError('an invalid Date cannot be sent')
    this.#containers += 1
    this.#room(15)
    const seconds = Math.floor(time / 1_000)
    const nanoseconds = (time - seconds * 1_000) * 1_000_000
    const low = seconds >>> 0
    if (nanoseconds === 0 && seconds === low) {
      this.#head8(0xd6, 0xff)
      this.#view.setUint32(this.#at, low)
      this.#at += 4
    } else if (seconds >= 0 && seconds <= LARGEST_DATE) {
      this.#head8(0xd7, 0xff)
      this.#view.setUint32(this.#at, nanoseconds * 4 + Math.floor(seconds / 0x1_0000_0000))
      this.#view.setUint32(this.#at + 4, low)
      this.#at += 8
    } else {
      this.#head8(0xc7, 12)
      this.#byte(0xff)
      this.#view.setUint32(this.#at, nanoseconds)
      this.#view.setInt32(this.#at + 4, Math.floor(seconds / 0x1_0000_0000))
      this.#view.setUint32(this.#at + 8, low)
      this.#at += 12
    }
  }

  #bigint(value: bigint): void {
    const digits = String(value)
    if (digits.length - (value < 0n ? 1 : 0) > MOST_DIGITS) {
      throw new EncodeError(`a bigint of more than ${MOST_DIGITS} digits cannot be sent`)
    }
    this.#containers += 1
    this.#head16(0xc8, digits.length)
    this.#byte(1)
    this.#room(digits.length)
    for (let i = 0; i < digits.length; i++) this.#bytes[this.#at + i] = digits.charCodeAt(i)
    this.#at += digits.length
  }

  /** The payload is one array, which counts as if it stood in place. Its length shows only at the end: hence ext 32. */
  #extension(type: number, elements: readonly unknown[], depth: number): void {
    this.#deeper(depth)
    this.#containers += 1
    this.#head32(0xc9, 0)
    this.#byte(type)
    const from = this.#at - this.#start
    this.array(elements.length)
    for (const element of elements) this.value(element, depth + 1)
    this.#view.setUint32(this.#start + from - 5, this.#at - this.#start - from)
  }

  #deeper(depth: number): void {
    if (depth >= SCAN_LIMITS.depth) {
      throw new EncodeError(`a value that nests deeper than ${SCAN_LIMITS.depth}, or holds itself, cannot be sent`)
    }
  }

  #byte(value: number): void {
    this.#room(1)
    this.#bytes[this.#at++] = value
  }

  #head8(head: number, value: number): void {
    this.#room(2)
    this.#bytes[this.#at] = head
    this.#bytes[this.#at + 1] = value
    this.#at += 2
  }

  #head16(head: number, value: number): void {
    this.#room(3)
    this.#bytes[this.#at] = head
    this.#view.setUint16(this.#at + 1, value)
    this.#at += 3
  }

  #head32(head: number, value: number): void {
    this.#room(5)
    this.#bytes[this.#at] = head
    this.#view.setUint32(this.#at + 1, value)
    this.#at += 5
  }

  /** Sees to it that so many bytes can be written; what was begun moves to where there is room. */
  #room(size: number): void {
    if (this.#at + size <= this.#bytes.length) return
    const begun = this.#bytes.subarray(this.#start, this.#at)
    // Twice what was begun, so that growing costs a constant per byte; a large bin gets what it needs and no more.
    this.#renew(Math.max(SLAB, begun.length * 2, begun.length + size))
    this.#bytes.set(begun)
    this.#at = begun.length
  }

  #renew(size: number): void {
    this.#bytes = new Uint8Array(size)
    this.#view = new DataView(this.#bytes.buffer)
    this.#start = 0
    this.#at = 0
  }
}

function stringHead(length: number): number {
  return length < 32 ? 1 : length < 0x100 ? 2 : length < 0x1_0000 ? 3 : 5
}

function nameOf(prototype: unknown): string {
  const name: unknown = (prototype as { constructor?: { name?: unknown } }).constructor?.name
  return typeof name === 'string' && name ? name : 'a class'
}
