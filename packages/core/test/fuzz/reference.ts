/**
 * The rules of a safe message once more, as slow and as plain as can be: what `scan.ts` is compared with. It builds
 * everything it reads, by recursion, and shares no code with the scan.
 */
export function isSafeMessage(bytes: Uint8Array): boolean {
  try {
    const reader = new Reader(bytes)
    let frames = 0
    do {
      frames += 1
      if (frames > 10_000) return false
      const first = reader.frame()
      if (!Array.isArray(first)) return false
    } while (reader.at < bytes.length)
    return reader.containers <= 10_000 + Math.floor(bytes.length / 4)
  } catch (error) {
    if (error instanceof Unsafe) return false
    throw error
  }
}

class Unsafe extends Error {}

class Reader {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly end: number
  at: number
  containers = 0

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.at = at
    this.end = end
  }

  frame(): unknown {
    const start = this.at
    const frame = this.element(0)
    const head = this.bytes[start] ?? 0
    const type = this.bytes[start + (head === 0xdc ? 3 : head === 0xdd ? 5 : 1)] ?? 0xff
    if (!Array.isArray(frame) || frame.length === 0 || type > 0x7f) throw new Unsafe()
    return frame
  }

  element(depth: number): unknown {
    const head = this.uint(1)
    if (head < 0x80) return head
    if (head < 0x90) return this.map(head - 0x80, depth + 1)
    if (head < 0xa0) return this.array(head - 0x90, depth + 1)
    if (head < 0xc0) return this.string(head - 0xa0)
    if (head >= 0xe0) return head - 0x100
    switch (head) {
      case 0xc0:
        return null
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xc4:
        return this.bin(this.uint(1))
      case 0xc5:
        return this.bin(this.uint(2))
      case 0xc6:
        return this.bin(this.uint(4))
      case 0xc7:
        return this.extension(this.uint(1), depth)
      case 0xc8:
        return this.extension(this.uint(2), depth)
      case 0xc9:
        return this.extension(this.uint(4), depth)
      case 0xca:
        return this.take(4).length
      case 0xcb:
        return this.take(8).length
      case 0xcc:
        return this.uint(1)
      case 0xcd:
        return this.uint(2)
      case 0xce:
        return this.uint(4)
      case 0xcf:
        return this.safe(this.big().getBigUint64(0))
      case 0xd0:
        return this.take(1).length
      case 0xd1:
        return this.take(2).length
      case 0xd2:
        return this.take(4).length
      case 0xd3:
        return this.safe(this.big().getBigInt64(0))
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.extension(2 ** (head - 0xd4), depth)
      case 0xd9:
        return this.string(this.uint(1))
      case 0xda:
        return this.string(this.uint(2))
      case 0xdb:
        return this.string(this.uint(4))
      case 0xdc:
        return this.array(this.uint(2), depth + 1)
      case 0xdd:
        return this.array(this.uint(4), depth + 1)
      case 0xde:
        return this.map(this.uint(2), depth + 1)
      case 0xdf:
        return this.map(this.uint(4), depth + 1)
      default:
        throw new Unsafe()
    }
  }

  array(length: number, depth: number): unknown[] {
    this.container(depth)
    const items: unknown[] = []
    for (let i = 0; i < length; i++) items.push(this.element(depth))
    return items
  }

  map(length: number, depth: number): unknown {
    this.container(depth)
    for (let i = 0; i < length; i++) {
      const key = this.element(depth)
      if (typeof key !== 'string' || key === '__proto__') throw new Unsafe()
      this.element(depth)
    }
    return {}
  }

  string(length: number): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.take(length))
    } catch {
      throw new Unsafe()
    }
  }

  bin(length: number): Uint8Array {
    this.containers += 1
    return this.take(length)
  }

  extension(length: number, depth: number): unknown {
    this.containers += 1
    const type = (this.uint(1) << 24) >> 24
    const start = this.at
    const data = this.take(length)
    const view = new DataView(data.buffer, data.byteOffset, data.length)
    if (type === -1) return this.timestamp(view)
    if (type === 1 && /^-?[0-9]{1,1024}$/.test(String.fromCharCode(...data))) return {}
    if (type !== 2 && type !== 3) throw new Unsafe()
    const inside = new Reader(this.bytes, start, start + length)
    const items = inside.element(depth)
    this.containers += inside.containers
    if (!Array.isArray(items) || inside.at !== inside.end) throw new Unsafe()
    if (type === 2 && items.length % 2 === 1) throw new Unsafe()
    return {}
  }

  timestamp(view: DataView): unknown {
    const { byteLength } = view
    if (byteLength !== 4 && byteLength !== 8 && byteLength !== 12) throw new Unsafe()
    if (byteLength === 4) return {}
    const nanoseconds = byteLength === 8 ? view.getBigUint64(0) >> 34n : BigInt(view.getUint32(0))
    const seconds = byteLength === 8 ? view.getBigUint64(0) & 0x3_ffff_ffffn : view.getBigInt64(4)
    const time = seconds * 1_000_000_000n + nanoseconds
    const last = 8_640_000_000_000_000_000_000n
    if (nanoseconds > 999_999_999n || time > last || time < -last) throw new Unsafe()
    return {}
  }

  safe(integer: bigint): number {
    if (integer > 9_007_199_254_740_991n || integer < -9_007_199_254_740_991n) throw new Unsafe()
    return Number(integer)
  }

  container(depth: number): void {
    this.containers += 1
    if (depth > 32) throw new Unsafe()
  }

  uint(width: number): number {
    return this.take(width).reduce((value, byte) => value * 256 + byte, 0)
  }

  big(): DataView {
    return new DataView(this.take(8).slice().buffer)
  }

  take(length: number): Uint8Array {
    if (this.at + length > this.end) throw new Unsafe()
    this.at += length
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + this.at - length, length)
  }
}
