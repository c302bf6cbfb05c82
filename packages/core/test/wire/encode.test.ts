import { Encoder as Library } from '@msgpack/msgpack'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeValue, EncodeError, encodeFrame, encodeValue } from '../../src/wire/codec.ts'
import { Encoder } from '../../src/wire/encode.ts'
import { type Frame, FrameType } from '../../src/wire/frames.ts'
import { SCAN_LIMITS, Scan, scanMessage } from '../../src/wire/scan.ts'
import { values } from './values.ts'

const library = new Library({ ignoreUndefined: true })
const item = (value: unknown): Frame => [FrameType.ITEM, 1, value]

/** What JSON knows, binary, and `undefined`: of these the library knows the shortest form, too. */
const common = fc.anything({
  values: [
    fc.boolean(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double(),
    fc.string(),
    fc.string({ unit: 'binary' }),
  ].concat(
    fc.constant(undefined) as never,
    fc.string({ unit: 'binary', minLength: 60, maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }) as never,
  ),
  key: fc.string({ unit: 'binary' }).filter(key => key !== '__proto__'),
  maxDepth: 4,
  maxKeys: 20,
})

describe('the encoder', () => {
  it('writes byte for byte what the library writes', () => {
    fc.assert(
      fc.property(common, value => {
        expect(Buffer.from(encodeValue(value).bytes).equals(library.encode(value))).toBe(true)
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  it('counts the containers that a scan finds', () => {
    const encoder = new Encoder()
    const found = new Scan()
    fc.assert(
      fc.property(values, value => {
        scanMessage(encoder.frame(item(value)), SCAN_LIMITS, found)
        expect(encoder.containers).toBe(found.containers)
      }),
      { seed: 2, numRuns: 300 },
    )
  })

  it.each([0, 1, 14, 15, 16, 17, 40])(
    'leaves out what is undefined of %d properties, whatever the head then is',
    count => {
      const value = Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i % 3 === 0 ? undefined : i]))
      expect([...encodeValue(value).bytes]).toEqual([...library.encode(value)])
    },
  )

  it.each([
    0,
    1,
    999,
    1_000,
    -1,
    -1_000,
    -1_500,
    2 ** 32 * 1_000 - 1,
    2 ** 32 * 1_000,
    2 ** 34 * 1_000,
    8.64e15,
    -8.64e15,
  ])('a Date at %d ms comes back, in the shortest form', ms => {
    const { bytes } = encodeValue(new Date(ms))
    expect(decodeValue(bytes)).toStrictEqual(new Date(ms))
    const isShort = ms >= 0 && ms % 1_000 === 0 && ms < 2 ** 32 * 1_000
    expect(bytes.length).toBe(isShort ? 6 : ms >= 0 && ms < 2 ** 34 * 1_000 ? 10 : 15)
  })
})

describe('what was encoded', () => {
  it('is never written to again, whatever is encoded after it', () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(sizes, fc.constantFrom('x', 'é'), (lengths, unit) => {
        const frames = lengths.map((length, i) => encodeFrame(item([i, unit.repeat(length)])))
        for (const [i, length] of lengths.entries()) {
          expect([...(frames[i] ?? [])]).toEqual([...library.encode(item([i, unit.repeat(length)]))])
        }
      }),
      { seed: 3, numRuns: 40 },
    )
  })

  it.each([2_000, 9_000, 100_000, 300_000, 1_048_576])(
    'is whole with %d bytes of it in one piece or in many',
    length => {
      const whole = new Uint8Array(length).fill(7)
      const pieces = Array.from({ length: length / 100 }, (_, i) => 'x'.repeat(i % 100))
      for (const value of [whole, [1, whole, 2], pieces]) {
        expect(Buffer.from(encodeFrame(item(value))).equals(library.encode(item(value)))).toBe(true)
        expect(Buffer.from(encodeFrame(item(3))).equals(library.encode(item(3)))).toBe(true)
      }
    },
  )

  it('shares memory with what is small, and with nothing when it is large', () => {
    encodeFrame(item('x'))
    for (const length of [3_000, 30_000, 1_048_576]) {
      const bytes = encodeFrame(item(new Uint8Array(length)))
      expect(bytes.buffer.byteLength).toBeLessThan(length + 100)
    }
    expect(encodeFrame(item('x')).buffer.byteLength).toBe(8_192)
  })
})

describe('a getter', () => {
  it('is asked once, so that what it says the second time does no harm', () => {
    let asked = 0
    const fickle = (count: number): object => {
      const value = Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i]))
      return Object.defineProperty(value, 'a', { enumerable: true, get: () => (asked++ === 0 ? 1 : undefined) })
    }
    for (const count of [0, 30]) {
      asked = 0
      expect(decodeValue(encodeValue(fickle(count)).bytes)).toMatchObject({ a: 1 })
      expect(asked).toBe(1)
    }
  })

  it('may encode something itself, also when that cannot be sent', () => {
    const nosy = {
      before: 1,
      get bytes() {
        expect(() => encodeFrame(item([1, () => 1]))).toThrow(EncodeError)
        return encodeFrame(item({ deep: 'within' })).slice()
      },
      after: 2,
    }
    const expected = { before: 1, bytes: library.encode(item({ deep: 'within' })), after: 2 }
    expect(decodeValue(encodeValue(nosy).bytes)).toEqual(expected)
    expect(decodeValue(encodeValue(nosy).bytes)).toEqual(expected)
  })
})
