import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { channelOf } from '../src/channel.ts'

/** What may name a channel, and only that. */
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom('.', '*', '>', '@', ' ', '\n', ':', '{', '}', '"', '\\', '/', '='),
    fc.string({ unit: 'grapheme', maxLength: 1 }),
  ),
  maxLength: 12,
})
const { value: params } = fc.letrec(tie => ({
  value: fc.oneof(
    { maxDepth: 3 },
    text,
    fc.integer(),
    fc.double({ noNaN: true }).map(number => (Object.is(number, -0) ? 0 : number)),
    fc.boolean(),
    fc.constant(null),
    fc.bigInt({ max: 2n ** 70n, min: -(2n ** 70n) }),
    fc.uint8Array({ maxLength: 8 }),
    fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(8e12) }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      text.filter(key => key !== '__proto__'),
      tie('value'),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ),
}))

const shuffled = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(shuffled)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, shuffled(item)]),
  )
}

/** Another way to write a value down, in which nothing is ambiguous either. */
const written = (value: unknown): string => {
  if (value instanceof Date) return `date ${value.getTime()}`
  if (value instanceof Uint8Array) return `bytes ${value.join()}`
  if (Array.isArray(value)) return `[${value.map(written).join()}]`
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}:${written(item)}`)
    return `{${entries.sort().join()}}`
  }
  return typeof value === 'bigint' ? `${value}n` : JSON.stringify(value)
}

describe('channelOf', () => {
  it('names a channel by the path of its topic and its params', () => {
    expect(channelOf('rooms.feed', { room: 'lobby' })).toBe('rooms.feed.gaRyb29tpWxvYmJ5')
  })

  it('gives equal params equal names, whatever the order of their keys', async () => {
    await fc.assert(
      fc.property(params, value => {
        expect(channelOf('t', shuffled(value))).toBe(channelOf('t', value))
      }),
      { seed: 1, numRuns: 500 },
    )
    expect(channelOf('t', { a: 1, b: undefined })).toBe(channelOf('t', { a: 1 }))
  })

  it('gives different params different names', async () => {
    await fc.assert(
      fc.property(params, params, (one, two) => {
        expect(channelOf('t', one) === channelOf('t', two)).toBe(written(one) === written(two))
      }),
      { seed: 2, numRuns: 2_000 },
    )
    const close = [
      1,
      '1',
      1n,
      true,
      'true',
      null,
      'null',
      {},
      [],
      [null],
      [[]],
      '',
      new Date(0),
      0,
      new Uint8Array([49]),
      { a: null },
      { a: 'b' },
      ['a', 'b'],
      [['a'], 'b'],
      'a,b',
    ]
    expect(new Set(close.map(value => channelOf('t', value))).size).toBe(close.length)
  })

  it('is one Redis key, and NATS tokens without wildcards', async () => {
    await fc.assert(
      fc.property(params, value => {
        for (const token of channelOf('rooms.feed@presence', value).split('.'))
          expect(token).toMatch(/^[A-Za-z0-9_@-]+$/)
      }),
      { seed: 3, numRuns: 500 },
    )
  })

  it('never mixes up a path with params', () => {
    expect(channelOf('a', { b: 1 })).not.toBe(channelOf('a.b', 1))
  })

  it.each([
    ['half a surrogate pair', '\ud800'],
    ['half a surrogate pair in a key', { '\udc00': 1 }],
    ['a function', { a: () => 5 }],
    ['a symbol', Symbol('x')],
    ['a Map', new Map([['a', 1]])],
    ['a Set', { a: new Set([1]) }],
    [
      'an instance of a class',
      new (class Room {
        id = 5
      })(),
    ],
    ['an error', new Error('x')],
    ['a date that is none', new Date(Number.NaN)],
    ['a bigint with too many digits', 10n ** 1_100n],
    ['a prototype', JSON.parse('{"__proto__": 1}')],
    [
      'a cycle',
      (() => {
        const a: unknown[] = []
        a.push(a)
        return a
      })(),
    ],
    ['more depth than anybody needs', JSON.parse(`${'['.repeat(18)}${']'.repeat(18)}`)],
  ])('refuses %s', (_, value) => {
    expect(() => channelOf('rooms.feed', value)).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining('params of rooms.feed cannot name a channel: '),
      }),
    )
  })

  it('refuses what makes a name of more than 1,024 characters, at once', () => {
    const longest = 'x'.repeat(756)
    expect(channelOf('rooms.feed', longest)).toHaveLength(1_023)
    for (const value of [
      `${longest}x`,
      'x'.repeat(10 ** 7),
      Array(10 ** 6).fill(0),
      new Uint8Array(10 ** 7),
      { ['k'.repeat(2_000)]: 1 },
    ]) {
      const before = performance.now()
      expect(() => channelOf('rooms.feed', value)).toThrow('a channel name has at most 1024 characters')
      expect(performance.now() - before).toBeLessThan(250)
    }
  })
})
