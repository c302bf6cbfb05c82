import { Encoder } from '@msgpack/msgpack'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeFrame,
  decodeMessage,
  decodeValue,
  Encoded,
  EncodeError,
  encodeFrame,
  encodeValue,
  travelsAlone,
  unshared,
} from '../../src/wire/codec.ts'
import { type Frame, FrameType, ProtocolError } from '../../src/wire/frames.ts'
import { SCAN_LIMITS } from '../../src/wire/scan.ts'
import { values } from './values.ts'

const item = (value: unknown): Frame => [FrameType.ITEM, 1, value]

function framesOf(message: Uint8Array): (readonly unknown[])[] {
  const frames: (readonly unknown[])[] = []
  decodeMessage(message, SCAN_LIMITS, frame => frames.push(frame))
  return frames
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = [value]
  return value
}

describe('values', () => {
  it('any supported value comes back as it was', () => {
    fc.assert(
      fc.property(values, value => {
        expect(decodeValue(encodeValue(value).bytes)).toStrictEqual(value)
        expect(framesOf(encodeFrame(item(value)))).toStrictEqual([[FrameType.ITEM, 1, value]])
      }),
      { seed: 1, numRuns: 400 },
    )
  })

  it.each([
    0,
    1,
    -1,
    127,
    128,
    255,
    256,
    -32,
    -33,
    -128,
    -129,
    65_535,
    65_536,
    -32_768,
    -32_769,
    2 ** 31,
    -(2 ** 31),
    2 ** 32,
    -(2 ** 31) - 1,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
    2 ** 53,
    -(2 ** 53),
    1e300,
    0.1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ])('the number %d keeps its value', number => {
    expect(decodeValue(encodeValue(number).bytes)).toBe(number)
  })

  it.each([0, 1, 15, 16, 31, 32, 47, 48, 49, 255, 256, 65_535, 65_536, 70_000])(
    'strings, binary, arrays, objects, Maps and Sets of length %d come back',
    length => {
      const items = Array.from({ length }, (_, i) => i)
      const sizes = [
        'x'.repeat(length),
        'é'.repeat(length),
        '漢'.repeat(length),
        new Uint8Array(length).fill(7),
        items,
        Object.fromEntries(items.map(i => [`k${i}`, i])),
        new Map(items.map(i => [i, i])),
        new Set(items),
      ]
      for (const value of sizes) expect(decodeValue(encodeValue(value).bytes)).toStrictEqual(value)
    },
  )

  it('−0 arrives as 0', () => {
    expect(decodeValue(encodeValue(-0).bytes)).toBe(0)
  })

  it('properties that are undefined are left out, and in an array they are null', () => {
    expect(decodeValue(encodeValue({ a: undefined, b: [undefined, 1] }).bytes)).toStrictEqual({ b: [null, 1] })
  })

  it('fields at the end of a frame that are undefined are left out', () => {
    expect(encodeFrame([FrameType.END, 1, undefined])).toStrictEqual(encodeFrame([FrameType.END, 1]))
    expect(encodeFrame([FrameType.PING])).toStrictEqual(Uint8Array.of(0x91, FrameType.PING))
  })

  it('the keys that a prototype has are ordinary data, and no prototype is touched', () => {
    const value = { constructor: 1, prototype: { polluted: true }, toString: 'x', hasOwnProperty: null }
    const decoded = decodeValue(encodeValue(value).bytes)
    expect(decoded).toStrictEqual(value)
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype)
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })

  it('an object without a prototype, a frozen one and one with getters are plain objects', () => {
    const bare = Object.assign(Object.create(null), { a: 1 })
    const withGetter = {
      get a() {
        return 1
      },
    }
    for (const value of [bare, Object.freeze({ a: 1 }), withGetter]) {
      expect(decodeValue(encodeValue(value).bytes)).toStrictEqual({ a: 1 })
    }
  })

  it('a Buffer is binary like any Uint8Array, and arrives as one', () => {
    const decoded = decodeValue(encodeValue(Buffer.from('hi')).bytes)
    expect(decoded).toStrictEqual(Uint8Array.of(0x68, 0x69))
    expect(Object.getPrototypeOf(decoded)).toBe(Uint8Array.prototype)
  })

  class User {
    passwordHash = 'secret'
  }
  const cycle: unknown[] = []
  cycle.push(cycle)
  const cyclicMap = new Map<string, unknown>()
  cyclicMap.set('self', cyclicMap)
  let asked = 0
  const fickle = {
    get a() {
      asked += 1
      return asked % 2 === 1 ? 1 : undefined
    },
  }
  const throwing = {
    get a() {
      throw new Error('not today')
    },
  }

  it.each<[string, unknown, string]>([
    ['a function', () => 1, 'a function'],
    ['a symbol', Symbol('x'), 'a symbol'],
    ['a class instance', new User(), 'an instance of User: send a plain object'],
    ['an Error', new RangeError('x'), 'an instance of RangeError'],
    ['a Promise', Promise.resolve(1), 'an instance of Promise'],
    ['a RegExp', /x/, 'an instance of RegExp'],
    ['a Float64Array', new Float64Array(1), 'an instance of Float64Array'],
    ['an ArrayBuffer', new ArrayBuffer(1), 'an instance of ArrayBuffer'],
    ['a DataView', new DataView(new ArrayBuffer(1)), 'an instance of DataView'],
    ['a WeakMap', new WeakMap(), 'an instance of WeakMap'],
    ['an object with a prototype of its own', Object.create({ inherited: 1 }), 'an instance of Object'],
    ['an encoded value inside another', [encodeValue(1)], 'an instance of Encoded'],
    ['an invalid Date', new Date(Number.NaN), 'an invalid Date'],
    ['half a surrogate pair in a short string', '\ud800', 'a string that is no UTF-8'],
    ['half a surrogate pair in a long string', `${'x'.repeat(100)}\udc00`, 'half a surrogate pair'],
    ['half a surrogate pair in a key', { [`${'x'.repeat(100)}\ud800`]: 1 }, 'half a surrogate pair'],
    ['half a surrogate pair in a Map', new Map([[1, `${'x'.repeat(100)}\ud800`]]), 'half a surrogate pair'],
    ['half a surrogate pair beside a true U+FFFD', ['\ufffd', `${'x'.repeat(100)}\ud800`], 'half a surrogate pair'],
    ['an array that holds itself', cycle, 'Too deep'],
    ['a Map that holds itself', cyclicMap, 'too deep'],
    ['a bigint of 1,025 digits', BigInt('9'.repeat(1_025)), 'too many digits'],
    ['a key "__proto__"', JSON.parse('{"__proto__":{"polluted":true}}'), '__proto__'],
    ['a getter that changes its mind', fickle, 'promises more than it holds'],
    ['a getter that throws', throwing, 'not today'],
  ])('%s cannot be sent, and says so here', (_, value, why) => {
    for (const attempt of [
      () => encodeFrame(item(value)),
      () => encodeFrame(item({ in: [value] })),
      () => encodeValue(value),
    ]) {
      expect(attempt).toThrow(EncodeError)
      expect(attempt).toThrow(why)
    }
    expect(framesOf(encodeFrame(item('next')))).toStrictEqual([[FrameType.ITEM, 1, 'next']])
  })

  it('U+FFFD itself is a character like any other', () => {
    const value = ['\ufffd', `${'x'.repeat(100)}\ufffd`]
    expect(decodeValue(encodeValue(value).bytes)).toStrictEqual(value)
  })

  it('a value nests 31 deep in a frame, and no deeper, however it nests', () => {
    const maps = (depth: number): unknown => (depth === 0 ? 1 : new Map([['k', maps(depth - 1)]]))
    const sets = (depth: number): unknown => (depth === 0 ? 1 : { k: new Set([sets(depth - 2)]) })
    for (const nest of [nested, maps]) {
      expect(framesOf(encodeFrame(item(nest(31))))).toStrictEqual([[FrameType.ITEM, 1, nest(31)]])
      expect(() => encodeFrame(item(nest(32)))).toThrow(EncodeError)
    }
    expect(framesOf(encodeFrame(item(sets(30))))).toHaveLength(1)
    expect(() => encodeFrame(item(sets(32)))).toThrow(EncodeError)
    expect(() => encodeFrame(item(nested(100_000)))).toThrow(EncodeError)
  })
})

describe('frames', () => {
  const frames = fc.array(values.map(item), { minLength: 1, maxLength: 8 })

  it('however frames are put together into messages, the same frames come out with the same sizes', () => {
    fc.assert(
      fc.property(frames, fc.func(fc.boolean()), (list, cutsAfter) => {
        const encoded = list.map(frame => encodeFrame(frame).slice())
        const told: [unknown, number][] = []
        let message: Uint8Array[] = []
        encoded.forEach((bytes, i) => {
          message.push(bytes)
          if (i < encoded.length - 1 && !cutsAfter(i)) return
          decodeMessage(concat(...message), SCAN_LIMITS, (frame, size) => told.push([frame, size]))
          message = []
        })
        expect(told).toStrictEqual(list.map((frame, i) => [[...frame], encoded[i]?.length]))
      }),
      { seed: 2, numRuns: 200 },
    )
  })

  it('bytes that were handed out are never changed by what is encoded later', () => {
    const frames = Array.from({ length: 5_000 }, (_, i) => encodeFrame(item({ i, text: 'x'.repeat(i % 700) })))
    frames.forEach((bytes, i) => {
      expect(framesOf(bytes)).toStrictEqual([[FrameType.ITEM, 1, { i, text: 'x'.repeat(i % 700) }]])
    })
  })

  it('a getter may encode too', () => {
    const inner: Uint8Array[] = []
    const value = {
      before: 'b',
      get during() {
        inner.push(encodeFrame(item('inner')))
        return 'd'
      },
      after: new Map([['a', 1]]),
    }
    expect(framesOf(encodeFrame(item(value)))).toStrictEqual([
      [FrameType.ITEM, 1, { before: 'b', during: 'd', after: new Map([['a', 1]]) }],
    ])
    for (const bytes of inner) expect(framesOf(bytes)).toStrictEqual([[FrameType.ITEM, 1, 'inner']])
  })

  it('a message may be decoded while another is being told', () => {
    const outer = concat(...[1, 2, 3].map(n => encodeFrame(item(n))))
    const inner = concat(...['a', 'b', 'c', 'd'].map(text => encodeFrame(item(text))))
    const told: unknown[] = []
    decodeMessage(outer, SCAN_LIMITS, (frame, size) => {
      told.push(frame[2], size)
      decodeMessage(inner, SCAN_LIMITS, inside => told.push(inside[2]))
    })
    const each = (n: number) => [n, 4, 'a', 'b', 'c', 'd']
    expect(told).toStrictEqual([...each(1), ...each(2), ...each(3)])
  })

  it('what the receiver of a frame throws reaches the caller, and the next message is decoded as ever', () => {
    const message = concat(encodeFrame(item(1)), encodeFrame(item(2)))
    const fail = () => {
      throw new RangeError('mine')
    }
    expect(() => decodeMessage(message, SCAN_LIMITS, fail)).toThrow(RangeError)
    expect(framesOf(message)).toHaveLength(2)
  })

  it('one alone is decoded without a message around it, however deep it nests', () => {
    const frame = encodeFrame(item([nested(30), Uint8Array.of(1)]))
    expect(decodeFrame(frame)).toStrictEqual([FrameType.ITEM, 1, [nested(30), Uint8Array.of(1)]])
    expect(() => decodeFrame(concat(frame, frame))).toThrow('too many frames')
    expect(() => decodeFrame(encodeValue(1).bytes)).toThrow(ProtocolError)
  })

  it('nothing is told of a message whose last frame is broken', () => {
    const message = concat(encodeFrame(item(1)), Uint8Array.of(0x92, 0x03))
    const told: unknown[] = []
    expect(() => decodeMessage(message, SCAN_LIMITS, frame => told.push(frame))).toThrow(ProtocolError)
    expect(told).toStrictEqual([])
  })
})

describe('values that were encoded before', () => {
  it('stand for any field, and the bytes are those of the value', () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        const publish = (x: unknown, y: unknown): Frame => [FrameType.PUBLISH, 7, 'rooms.feed', x, y, { key: 'k' }]
        const plain = encodeFrame(publish(a, b)).slice()
        expect(encodeFrame(publish(encodeValue(a), encodeValue(b)))).toStrictEqual(plain)
        expect(encodeFrame(publish(a, encodeValue(b)))).toStrictEqual(plain)
      }),
      { seed: 3, numRuns: 100 },
    )
  })

  it('own their memory', () => {
    const { bytes } = encodeValue({ a: 1 })
    expect(bytes.buffer.byteLength).toBe(bytes.length)
  })

  it('are checked when they are decoded', () => {
    const { bytes } = encodeValue({ a: [1, 'x'] })
    for (const broken of [bytes.subarray(1), bytes.subarray(0, -1), concat(bytes, bytes), new Uint8Array(0)]) {
      expect(() => decodeValue(broken)).toThrow(ProtocolError)
    }
  })

  it('cannot make a frame that the other side would refuse', () => {
    const tooDeep = new Encoded(new Encoder().encode(nested(32)))
    expect(() => encodeFrame(item(tooDeep))).toThrow(EncodeError)
    expect(() => encodeFrame(item(new Encoded(Uint8Array.of(0x93, 1))))).toThrow(EncodeError)
  })
})

describe('memory', () => {
  const secret = 'secret of another connection'

  it('a decoded Uint8Array shows nothing but its own frame through `.buffer`', () => {
    const pool = new ArrayBuffer(8_192)
    new TextEncoder().encodeInto(secret, new Uint8Array(pool))
    const frames = [item(Uint8Array.of(1, 2, 3)), item('other'), item({ deep: [Uint8Array.of(4)] })].map(encodeFrame)
    const message = concat(...frames)
    const inPool = Buffer.from(pool, 100, message.length)
    inPool.set(message)

    const [first, , third] = framesOf(inPool).map(frame => frame[2])
    const bins = [first as Uint8Array, (third as { deep: [Uint8Array] }).deep[0]]
    expect(bins).toStrictEqual([Uint8Array.of(1, 2, 3), Uint8Array.of(4)])
    expect(bins.map(bin => bin.buffer.byteLength)).toStrictEqual([frames[0]?.length, frames[2]?.length])

    inPool.fill(0)
    expect(bins).toStrictEqual([Uint8Array.of(1, 2, 3), Uint8Array.of(4)])
  })

  it.each([
    ['that is one frame', [], true],
    ['of which most is its last frame', [item(Uint8Array.of(1, 2, 3)), [FrameType.TOKEN, secret]], true],
    ['of which less than half is its last frame', [item(secret.repeat(10))], false],
  ] as [string, Frame[], boolean][])('a given message %s is copied only where it must be', (_, before, kept) => {
    const large = new Uint8Array(100).fill(7)
    const message = concat(...[...before, item(large)].map(encodeFrame))
    const frames: (readonly unknown[])[] = []
    decodeMessage(message, SCAN_LIMITS, frame => frames.push(frame), true)

    expect(frames).toStrictEqual([...before, item(large)])
    const bins = frames.map(frame => frame[2]).filter(value => value instanceof Uint8Array)
    const last = bins.at(-1)
    expect(last?.buffer === message.buffer).toBe(kept)
    for (const bin of bins.slice(0, -1)) expect(bin.buffer).not.toBe(message.buffer)
    // Nothing of another frame can be seen through it.
    expect(Buffer.from(last?.buffer as ArrayBuffer).includes(secret)).toBe(false)
  })

  it('a given message that shares its memory is copied', () => {
    const frame = encodeFrame(item(new Uint8Array(100).fill(7)))
    const chunk = concat(new TextEncoder().encode(secret), frame)
    let bin: unknown
    decodeMessage(
      chunk.subarray(secret.length),
      SCAN_LIMITS,
      told => {
        bin = told[2]
      },
      true,
    )
    expect((bin as Uint8Array).buffer.byteLength).toBe(frame.length)
  })

  it('a frame of much binary is written into memory of its size, and given away with it', () => {
    const large = new Uint8Array(1_000_000).fill(7)
    const bytes = encodeFrame(item(large))
    expect(bytes.buffer.byteLength).toBeLessThan(large.length + 4_096)
    large.fill(0)
    expect(encodeFrame(item(1)).buffer).not.toBe(bytes.buffer)
    const [frame] = framesOf(bytes)
    expect(Buffer.compare(frame?.[2] as Uint8Array, new Uint8Array(1_000_000).fill(7))).toBe(0)
  })

  it('a decoded Uint8Array in a Map, a Set or a broker’s value shares no memory either', () => {
    const value = [new Map([['k', Uint8Array.of(1)]]), new Set([Uint8Array.of(2)])] as const
    const bytes = Buffer.from(encodeValue(value).bytes)
    const decoded = decodeValue(bytes)
    const [frame] = framesOf(Buffer.from(encodeFrame(item(value))))
    bytes.fill(0)
    expect(decoded).toStrictEqual(value)
    expect(frame?.[2]).toStrictEqual(value)
    const bin = (decoded as typeof value)[0].get('k')
    expect(Object.getPrototypeOf(bin)).toBe(Uint8Array.prototype)
    expect(bin?.buffer.byteLength).toBeLessThanOrEqual(bytes.length)
  })

  it('a frame above 2 KiB keeps no other frame alive, a small one at most 8 KiB, and none when it is not shared', () => {
    const large = encodeFrame(item('x'.repeat(2_048)))
    expect(large.buffer.byteLength).toBe(large.length)
    expect(unshared(large)).toBe(large)
    const small = encodeFrame(item(1))
    expect(small.buffer.byteLength).toBe(8_192)
    expect(unshared(small)).toStrictEqual(small)
    expect(unshared(small).buffer.byteLength).toBe(small.length)
  })
})

describe('containers', () => {
  const empties = (count: number): unknown => Array.from({ length: count }, () => [])

  it('a frame of more of them than its bytes allow for travels alone', () => {
    expect(travelsAlone(encodeFrame(item(empties(3))))).toBe(true)
    expect(travelsAlone(unshared(encodeFrame(item(empties(3)))))).toBe(true)
    expect(travelsAlone(encodeFrame(item({ a: [1, 2], b: { c: 'd' }, e: [{ f: 1 }] })))).toBe(false)
    expect(travelsAlone(encodeFrame([FrameType.END, 1, {}]))).toBe(false)
  })

  it('a value of more of them than any message may hold cannot be sent', () => {
    expect(framesOf(encodeFrame(item(empties(13_000))))).toHaveLength(1)
    expect(() => encodeFrame(item(empties(14_000)))).toThrow(EncodeError)
  })
})
