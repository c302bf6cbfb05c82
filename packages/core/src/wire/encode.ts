import { Encoded, EncodeError } from './encoded.ts'
import * as Extension from './extension.ts'
import { MOST_DIGITS } from './extensions.ts'
import { SCAN_LIMITS, Scan, scanValue } from './scan.ts'
import { Writer } from './writer.ts'

const ascii = new TextEncoder()
const scratch = new Scan()

/**
 * From values to MessagePack, in one pass that also refuses what the other side would: who sends that loses the socket,
 * not the call.
 */
export class Encoder {
  readonly #writer = new Writer()
  #containers = 0

  /** Arrays, maps, bins and extensions in what was encoded last. */
  get containers(): number {
    return this.#containers
  }

  /**
   * A frame's bytes; fields at the end that are `undefined` are left out.
   *
   * @throws {@link EncodeError} for what cannot be sent; whatever a getter throws.
   */
  frame(fields: readonly unknown[]): Uint8Array {
    this.#begin()
    let length = fields.length
    while (fields[length - 1] === undefined) length -= 1
    this.#containers += 1
    this.#writer.containerHead(0x90, length)
    for (let i = 0; i < length; i++) {
      const field = fields[i]
      if (field instanceof Encoded) this.#embed(field)
      else this.#value(field, 1)
    }
    return this.#end()
  }

  /** The bytes of a value that is to stand in a frame. Throws as {@link Encoder.frame} does. */
  value(value: unknown): Uint8Array {
    this.#begin()
    this.#value(value, 1)
    return this.#end()
  }

  #begin(): void {
    this.#containers = 0
    this.#writer.drop()
  }

  #end(): Uint8Array {
    if (this.#containers > SCAN_LIMITS.containers + (this.#writer.size >>> 2))
      throw new EncodeError('too many containers')
    return this.#writer.take()
  }

  /** `depth`: how deep it stands already. */
  #value(value: unknown, depth: number): void {
    switch (typeof value) {
      case 'string':
        return this.#writer.text(value)
      case 'number':
        return this.#writer.number(value)
      case 'boolean':
        return this.#writer.byte(value ? 0xc3 : 0xc2)
      case 'undefined':
        return this.#writer.byte(0xc0)
      case 'object':
        return value === null ? this.#writer.byte(0xc0) : this.#object(value, depth)
      case 'bigint':
        return this.#bigint(value)
      default:
        throw new EncodeError(`a ${typeof value}`)
    }
  }

  #object(value: object, depth: number): void {
    this.#containers += 1
    if (Array.isArray(value)) return this.#array(value, depth)
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Object.prototype || prototype === null) return this.#map(value, depth)
    // By tag and not by `instanceof`: what another realm made (a frame, a test's sandbox) is as good.
    switch (Object.prototype.toString.call(value)) {
      case '[object Uint8Array]':
        return this.#writer.binary(value as Uint8Array)
      case '[object Date]':
        return this.#date(value as Date)
      case '[object Map]':
        return this.#collection(Extension.MAP, [...(value as Map<unknown, unknown>)].flat(), depth)
      case '[object Set]':
        return this.#collection(Extension.SET, [...(value as Set<unknown>)], depth)
      case '[object Object]':
        if (Object.getPrototypeOf(prototype) === null) return this.#map(value, depth)
    }
    throw new EncodeError(`an instance of ${value.constructor.name}: send a plain object`)
  }

  #array(items: readonly unknown[], depth: number): void {
    if (depth >= SCAN_LIMITS.depth) throw new EncodeError('too deep')
    const { length } = items
    this.#writer.containerHead(0x90, length)
    for (let i = 0; i < length; i++) this.#value(items[i], depth + 1)
  }

  /** Each property is read once, since a getter may say something else the next time. */
  #map(value: object, depth: number): void {
    if (depth >= SCAN_LIMITS.depth) throw new EncodeError('too deep')
    const keys = Object.keys(value)
    if (keys.length > 15)
      return this.#largeMap(
        keys,
        keys.map(key => (value as Fields)[key]),
        depth,
      )
    const head = this.#writer.size
    let size = 0
    this.#writer.byte(0x80)
    for (const key of keys) {
      const property = (value as Fields)[key]
      if (property === undefined) continue
      this.#key(key)
      this.#value(property, depth + 1)
      size += 1
    }
    this.#writer.patch(head, 0x80 | size)
  }

  /** The head has to say how many there are, and is longer the more there are. */
  #largeMap(keys: readonly string[], values: readonly unknown[], depth: number): void {
    this.#writer.containerHead(
      0x80,
      values.reduce((size: number, each) => (each === undefined ? size : size + 1), 0),
    )
    for (const [i, key] of keys.entries()) {
      if (values[i] === undefined) continue
      this.#key(key)
      this.#value(values[i], depth + 1)
    }
  }

  #key(key: string): void {
    if (key === '__proto__') throw new EncodeError('a key "__proto__"')
    this.#writer.text(key)
  }

  #bigint(value: bigint): void {
    this.#containers += 1
    const digits = String(value)
    if (digits.length - (value < 0n ? 1 : 0) > MOST_DIGITS) throw new EncodeError('a bigint of too many digits')
    this.#writer.extension(Extension.BIGINT, () => this.#writer.raw(ascii.encode(digits)))
  }

  /** A Map or a Set: what it holds, as one array. */
  #collection(type: number, elements: readonly unknown[], depth: number): void {
    this.#containers += 1
    this.#writer.extension(type, () => this.#array(elements, depth))
  }

  /** The shortest of the three forms that MessagePack has. */
  #date(date: Date): void {
    const ms = date.getTime()
    if (Number.isNaN(ms)) throw new EncodeError('an invalid Date')
    const seconds = Math.floor(ms / 1_000)
    const nanoseconds = (ms - seconds * 1_000) * 1_000_000
    this.#writer.extension(Extension.TIMESTAMP, () => {
      const high = Math.floor(seconds / 2 ** 32)
      if (high < 0 || high > 3) this.#writer.word(nanoseconds)
      if (high < 0 || high > 3) this.#writer.word(high)
      else if (high > 0 || nanoseconds > 0) this.#writer.word(nanoseconds * 4 + high)
      this.#writer.word(seconds)
    })
  }

  /** What was encoded elsewhere, perhaps by an engine: it must be fit to stand here. */
  #embed({ bytes }: Encoded): void {
    scanValue(bytes, SCAN_LIMITS, scratch)
    this.#containers += scratch.containers
    this.#writer.raw(bytes)
  }
}

type Fields = Readonly<Record<string, unknown>>
