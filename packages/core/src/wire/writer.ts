import { EncodeError } from './encoded.ts'

/** What small frames share: an allocation for each would cost more than writing it. */
const PAGE = 8_192
/** What is larger gets memory of its own, so that keeping it keeps nothing else. */
const LARGEST_SHARED = 2_048
/** Up to here one piece of memory serves all that is larger; beyond it, each gets its own. */
const LARGE = 262_144

/** From so many characters on, the platform's encoder is faster. */
const LONG_TEXT = 64
const platform = new TextEncoder()

/** The bytes of MessagePack, one after another, in memory that is never written to again once it is given out. */
export class Writer {
  #bytes = new Uint8Array(PAGE)
  #view = new DataView(this.#bytes.buffer)
  /** Where that begins which is being written. */
  #start = 0
  #at = 0
  #page = this.#bytes
  #pageEnd = 0
  #large: Uint8Array<ArrayBuffer> | undefined

  /** How many bytes were written since the last {@link Writer.take}. */
  get size(): number {
    return this.#at - this.#start
  }

  /**
   * Gives out what was written. Small pieces share memory, which is what a reader of `.buffer` could see: for bytes that
   * go into a socket, not to users.
   */
  take(): Uint8Array {
    const { size } = this
    const bytes = this.#bytes
    let taken: Uint8Array
    if (bytes === this.#page && size <= LARGEST_SHARED) {
      taken = new Uint8Array(bytes.buffer, this.#start, size)
      this.#pageEnd = this.#at
    } else if (bytes.length > LARGE && bytes.length < size * 1.25) taken = bytes.subarray(0, size)
    else taken = bytes.slice(this.#start, this.#at)
    this.drop()
    return taken
  }

  /** Forgets what was written. */
  drop(): void {
    if (this.#bytes !== this.#page) this.#use(this.#page)
    this.#start = this.#pageEnd
    this.#at = this.#pageEnd
  }

  byte(byte: number): void {
    this.#room(1)
    this.#bytes[this.#at++] = byte
  }

  number(value: number): void {
    this.#room(9)
    if (value >= 0 && value < 0x80 && (value | 0) === value) this.#bytes[this.#at++] = value
    else if (!Number.isSafeInteger(value)) {
      this.#bytes[this.#at] = 0xcb
      this.#view.setFloat64(this.#at + 1, value)
      this.#at += 9
    } else if (value >= 0) {
      if (value < 0x100) this.#wide(0xcc, value, 1)
      else if (value < 0x1_0000) this.#wide(0xcd, value, 2)
      else if (value < 0x1_0000_0000) this.#wide(0xce, value, 4)
      else this.#wide(0xcf, value, 8)
    } else if (value >= -0x20) this.#bytes[this.#at++] = value
    else if (value >= -0x80) this.#wide(0xd0, value, 1)
    else if (value >= -0x8000) this.#wide(0xd1, value, 2)
    else if (value >= -0x8000_0000) this.#wide(0xd2, value, 4)
    else this.#wide(0xd3, value, 8)
  }

  /** @throws {@link EncodeError} for half a surrogate pair, which no UTF-8 can hold. */
  text(text: string): void {
    const { length } = text
    this.#room(5 + 3 * length)
    if (length >= LONG_TEXT) return this.#longText(text)
    const head = length < 32 ? 1 : 2
    const start = this.#at + head
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 0x7f) return this.#shortText(text)
      this.#bytes[start + i] = unit
    }
    this.#textHead(length)
    this.#at = start + length
  }

  /** The head of an array, from `base` 0x90, or of a map, from 0x80. */
  containerHead(base: number, size: number): void {
    this.#room(5)
    if (size < 16) this.#bytes[this.#at++] = base | size
    else if (size < 0x1_0000) this.#wide(base === 0x90 ? 0xdc : 0xde, size, 2)
    else this.#wide(base === 0x90 ? 0xdd : 0xdf, size, 4)
  }

  binary(bytes: Uint8Array): void {
    const { length } = bytes
    this.#room(5 + length)
    if (length < 0x100) this.#wide(0xc4, length, 1)
    else if (length < 0x1_0000) this.#wide(0xc5, length, 2)
    else this.#wide(0xc6, length, 4)
    this.raw(bytes)
  }

  /** Bytes that are MessagePack already. */
  raw(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  /** The lower 32 bits of an integer, without a head. */
  word(value: number): void {
    this.#room(4)
    this.#view.setInt32(this.#at, value)
    this.#at += 4
  }

  /** An extension, whose payload `write` writes. */
  extension(type: number, write: () => void): void {
    const longest = 6
    this.#room(longest)
    const before = this.size
    this.#at += longest
    write()
    const start = this.#start + before
    const size = this.#at - start - longest
    this.#at = start
    const fixed = FIXED_EXTENSIONS.indexOf(size)
    if (fixed >= 0) this.#bytes[this.#at++] = 0xd4 + fixed
    else if (size < 0x100) this.#wide(0xc7, size, 1)
    else if (size < 0x1_0000) this.#wide(0xc8, size, 2)
    else this.#wide(0xc9, size, 4)
    this.#bytes[this.#at++] = type
    this.#bytes.copyWithin(this.#at, start + longest, start + longest + size)
    this.#at += size
  }

  /** Changes a byte that was written as the `index`th. */
  patch(index: number, byte: number): void {
    this.#bytes[this.#start + index] = byte
  }

  #wide(head: number, value: number, width: 1 | 2 | 4 | 8): void {
    const at = this.#at
    this.#bytes[at] = head
    if (width === 1) this.#bytes[at + 1] = value
    else if (width === 2) this.#view.setInt16(at + 1, value)
    else {
      if (width === 8) this.#view.setInt32(at + 1, Math.floor(value / 0x1_0000_0000))
      this.#view.setInt32(at + width - 3, value)
    }
    this.#at = at + 1 + width
  }

  #textHead(size: number): void {
    if (size < 32) this.#bytes[this.#at++] = 0xa0 | size
    else if (size < 0x100) this.#wide(0xd9, size, 1)
    else if (size < 0x1_0000) this.#wide(0xda, size, 2)
    else this.#wide(0xdb, size, 4)
  }

  #shortText(text: string): void {
    let size = 0
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      size += unit < 0x80 ? 1 : unit < 0x800 || (unit & 0xf800) === 0xd800 ? 2 : 3
    }
    this.#textHead(size)
    const bytes = this.#bytes
    let at = this.#at
    for (const character of text) {
      const point = character.codePointAt(0) ?? 0
      if (point < 0x80) {
        bytes[at++] = point
        continue
      }
      if (point < 0x800) bytes[at++] = 0xc0 | (point >> 6)
      else {
        if (point < 0x1_0000) {
          if ((point & 0xf800) === 0xd800) refuseSurrogate()
          bytes[at++] = 0xe0 | (point >> 12)
        } else {
          bytes[at++] = 0xf0 | (point >> 18)
          bytes[at++] = 0x80 | ((point >> 12) & 0x3f)
        }
        bytes[at++] = 0x80 | ((point >> 6) & 0x3f)
      }
      bytes[at++] = 0x80 | (point & 0x3f)
    }
    this.#at = at
  }

  #longText(text: string): void {
    const start = this.#at + 5
    const { written } = platform.encodeInto(text, this.#bytes.subarray(start))
    if (written > text.length && /\p{Surrogate}/u.test(text)) refuseSurrogate()
    this.#textHead(written)
    if (this.#at < start) this.#bytes.copyWithin(this.#at, start, start + written)
    this.#at += written
  }

  #room(more: number): void {
    if (this.#at + more > this.#bytes.length) this.#grow(more)
  }

  #grow(more: number): void {
    const { size } = this
    const written = this.#bytes.subarray(this.#start, this.#at)
    // Twice what is there, so that nothing is copied often; what comes in one piece is seldom followed by more.
    const needed = 2 * size + more + 16
    if (needed <= LARGEST_SHARED) {
      this.#page = new Uint8Array(PAGE)
      this.#pageEnd = 0
      this.#use(this.#page)
    } else if (needed <= LARGE && this.#bytes !== this.#large) {
      this.#large ??= new Uint8Array(LARGE)
      this.#use(this.#large)
    } else this.#use(new Uint8Array(needed))
    this.#bytes.set(written)
    this.#start = 0
    this.#at = size
  }

  #use(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer)
  }
}

/** Extensions of these sizes have heads of their own. */
const FIXED_EXTENSIONS: readonly number[] = [1, 2, 4, 8, 16]

function refuseSurrogate(): never {
  throw new EncodeError('a string with half a surrogate pair')
}
