import { Encoder } from '@msgpack/msgpack'
import { samples } from '../wire/samples.ts'
import type { Random } from './random.ts'

/** A message, good or bad: noise, frames in every way MessagePack can write them, true frames with one odd slot. */
export function randomMessage(random: Random): Uint8Array {
  const kind = random.int(8)
  if (kind === 0) return Uint8Array.from(random.bytes(random.int(48)))
  if (kind === 1) return Uint8Array.from(Array.from({ length: 1 + random.int(24) }, () => random.pick(HEADS)))
  const frames = Array.from({ length: 1 + random.int(random.once(20) ? 40 : 4) }, () =>
    kind < 5 ? writtenFrame(random) : sampleFrame(random),
  )
  const bytes = frames.flat()
  return Uint8Array.from(random.once(3) ? mutated(bytes, random) : bytes)
}

/** Bytes that begin something, or that a length is made of. */
const HEADS = [
  0x00, 0x01, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x91, 0x92, 0x93, 0x9f, 0xa0, 0xa1, 0xa9, 0xbf, 0xc0, 0xc1, 0xc2, 0xc4,
  0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7,
  0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xff,
] as const

const JUNK = [
  null,
  true,
  -1,
  0,
  1.5,
  2 ** 31,
  2 ** 53,
  Number.NaN,
  '',
  'x'.repeat(300),
  '\u0000\u001b[2J',
  'é',
  [],
  [1],
  {},
  { a: 1 },
  { constructor: 1 },
  Uint8Array.of(1),
  new Date(0),
] as const

const encoder = new Encoder()

/** A frame as it should be, in half of the cases with something else in one place of its envelope. */
export function sampleFrame(random: Random): number[] {
  const [, frame] = samples[random.int(samples.length)] ?? samples[0] ?? []
  const copy: unknown = structuredClone(frame)
  if (random.once(2)) spoil(copy, random)
  return [...encoder.encodeSharedRef(copy)]
}

function spoil(value: unknown, random: Random): void {
  if (typeof value !== 'object' || value === null) return
  const holder = value as Record<string, unknown>
  const keys = Object.keys(value)
  const key = keys[random.int(keys.length)]
  if (key === undefined) return
  if (random.once(2) && typeof holder[key] === 'object') spoil(holder[key], random)
  else holder[key] = random.pick(JUNK)
}

function writtenFrame(random: Random): number[] {
  const bytes: number[] = []
  const fields = random.int(5)
  writeHead(bytes, random, 0x90, 16, [0xdc, 2], [0xdd, 4], fields + 1)
  bytes.push(random.once(30) ? random.int(256) : random.int(64))
  for (let i = 0; i < fields; i++) writeValue(bytes, random, random.once(40) ? -20 : 0)
  return bytes
}

/** One value, in a form of its own choosing; once in a while one that is not allowed. Deep ones begin below 0. */
function writeValue(bytes: number[], random: Random, depth: number): void {
  const small = depth >= 4
  switch (random.int(small ? 8 : 13)) {
    case 0:
      return void bytes.push(random.pick([0xc0, 0xc2, 0xc3, 0x00, 0x7f, 0xe0, 0xff]))
    case 1:
      return void bytes.push(random.pick([0xcc, 0xd0]), random.int(256))
    case 2:
      return void bytes.push(random.pick([0xcd, 0xd1]), ...random.bytes(2))
    case 3:
      return void bytes.push(random.pick([0xca, 0xce, 0xd2]), ...random.bytes(4))
    case 4:
      return void bytes.push(0xcb, ...random.bytes(8))
    case 5:
      return void bytes.push(random.pick([0xcf, 0xd3]), ...wideInteger(random))
    case 6:
      return writeString(bytes, random)
    case 7:
      return writeScalarExtension(bytes, random)
    case 8: {
      const length = random.int(random.once(10) ? 300 : 8)
      writeHead(bytes, random, 0, 0, [0xc4, 1], [0xc6, 4], length)
      return void bytes.push(...random.bytes(length))
    }
    case 9:
    case 10:
      return writeArray(bytes, random, depth, random.int(5))
    case 11: {
      const length = random.int(5)
      writeHead(bytes, random, 0x80, 16, [0xde, 2], [0xdf, 4], length)
      for (let i = 0; i < length; i++) {
        if (random.once(60)) writeValue(bytes, random, 4)
        else writeString(bytes, random)
        writeValue(bytes, random, depth + 1)
      }
      return
    }
    default: {
      const inside: number[] = []
      const type = random.pick([2, 3])
      const length = random.int(3) * (type === 2 && !random.once(20) ? 2 : 1)
      writeArray(inside, random, depth, length)
      if (random.once(30)) writeValue(inside, random, 4)
      bytes.push(0xc9, ...uint(inside.length, 4), type, ...inside)
    }
  }
}

function writeArray(bytes: number[], random: Random, depth: number, length: number): void {
  writeHead(bytes, random, 0x90, 16, [0xdc, 2], [0xdd, 4], length)
  for (let i = 0; i < length; i++) writeValue(bytes, random, depth + 1)
}

function writeString(bytes: number[], random: Random): void {
  const text = random.pick([
    '',
    'a',
    'id',
    'rooms.post',
    'é',
    '漢字',
    '🙂',
    '\ufeffx',
    '\ufffd',
    '__proto_',
    'z'.repeat(40),
  ])
  const raw = random.once(40)
    ? random.bytes(1 + random.int(4))
    : [...Buffer.from(text.repeat(random.once(50) ? 20 : 1))]
  const utf8 = random.once(200) ? [...Buffer.from('__proto__')] : raw
  writeHead(bytes, random, 0xa0, 32, [0xd9, 1], [0xda, 2], utf8.length)
  bytes.push(...utf8)
}

function writeScalarExtension(bytes: number[], random: Random): void {
  const digits = [...Buffer.from(String(random.int(1e9)).repeat(random.once(20) ? 130 : 1))]
  const [type, data] = random.pick<[number, number[]]>([
    [0xff, random.bytes(4)],
    [0xff, random.once(2) ? [0, 0, 0, 0, ...random.bytes(4)] : random.bytes(8)],
    [
      0xff,
      [0, 0, 0, 0, random.pick([0, 0xff]), random.pick([0, 0xff]), random.pick([0, 7, 8, 0xf8]), ...random.bytes(5)],
    ],
    [1, random.once(3) ? [0x2d, ...digits] : digits],
    random.once(6) ? [random.int(256), random.bytes(random.int(20))] : [1, digits],
  ])
  const fixed = [1, 2, 4, 8, 16].indexOf(data.length)
  if (fixed >= 0 && random.once(2)) bytes.push(0xd4 + fixed)
  else writeHead(bytes, random, 0, 0, [0xc8, 2], [0xc9, 4], data.length)
  bytes.push(type, ...data)
}

function wideInteger(random: Random): number[] {
  const safe = random.pick([
    [0, 0],
    [0, 0x1f],
    [0, 1 + random.int(0x1f)],
  ])
  const edge = random.pick([[0, 0x20], [0xff, 0xe0], [0xff, 0xdf], random.bytes(2)])
  const low = random.pick([[0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1], random.bytes(6)])
  return [...(random.once(6) ? edge : safe), ...low]
}

type Head = readonly [byte: number, width: number]

/** A length in the shortest form or a longer one. */
function writeHead(
  bytes: number[],
  random: Random,
  fix: number,
  below: number,
  short: Head,
  long: Head,
  length: number,
) {
  if (length < below && !random.once(6)) bytes.push(fix + length)
  else {
    const [byte, width] = random.once(4) || length >= 256 ** short[1] ? long : short
    bytes.push(byte, ...uint(length, width))
  }
}

function uint(value: number, width: number): number[] {
  return Array.from({ length: width }, (_, i) => Math.floor(value / 256 ** (width - 1 - i)) % 256)
}

/** A few bytes changed, put in, left out, or cut off. */
function mutated(bytes: readonly number[], random: Random): number[] {
  const next = [...bytes]
  for (let n = 1 + random.int(3); n > 0; n--) {
    const at = random.int(next.length + 1)
    switch (random.int(5)) {
      case 0:
        next.splice(at, 1, random.int(256))
        break
      case 1:
        next.splice(at, 1, random.pick(HEADS))
        break
      case 2:
        next.splice(at, 0, ...random.bytes(random.int(4)))
        break
      case 3:
        next.splice(at, random.int(6))
        break
      default:
        next.length = at
    }
  }
  return next
}
