import { describe, expect, it } from 'vitest'
import { decodeMessage, encodeFrame } from '../../src/wire/codec.ts'
import { FrameType, isCounted, ProtocolError, type Side } from '../../src/wire/frames.ts'
import { headersProblem, parseFrame, parsePosition } from '../../src/wire/parse.ts'
import { SCAN_LIMITS } from '../../src/wire/scan.ts'
import { samples, welcome } from './samples.ts'

const T = FrameType
const MAX = Number.MAX_SAFE_INTEGER
const other = (side: Side): Side => (side === 'client' ? 'server' : 'client')
const typesFrom = (side: Side): Set<number> =>
  new Set(samples.filter(([from]) => from === side).map(([, [type]]) => type))
const error = { code: 'NOT_FOUND', message: 'gone' }
const subscribed = { channel: 'c', epoch: 'e', offset: 1, head: 2, gap: false }

function refusal(frame: readonly unknown[], from: Side): string | undefined {
  try {
    parseFrame(frame, from)
    return undefined
  } catch (thrown) {
    if (thrown instanceof ProtocolError && thrown.code === 4500) return thrown.reason
    throw thrown
  }
}

/** The frame as it is parsed, without what is absent at its end. */
function parsed(frame: readonly unknown[], from: Side): readonly unknown[] {
  const fields: readonly unknown[] = parseFrame(frame, from) ?? []
  return fields.slice(0, fields.findLastIndex(field => field !== undefined && field !== null) + 1)
}

describe('a frame as it should be', () => {
  it.each(samples)('from the %s is itself after a way over the wire: %j', (from, frame) => {
    decodeMessage(encodeFrame(frame), SCAN_LIMITS, decoded => {
      expect(parsed(decoded, from)).toEqual(frame)
    })
  })

  it('of every type is among the samples, from every side that sends it', () => {
    expect([...typesFrom('client'), ...typesFrom('server')].sort()).toEqual(expect.arrayContaining(Object.values(T)))
    const both = [T.ITEM, T.END, T.FAIL, T.CREDIT, T.UNSUBSCRIBE, T.PING, T.PONG, T.ACK, T.TOKEN]
    expect([...typesFrom('client')].filter(type => typesFrom('server').has(type)).sort()).toEqual([...both].sort())
  })

  it('is refused from the side that never sends it', () => {
    for (const [from, frame] of samples) {
      if (typesFrom(other(from)).has(frame[0])) continue
      expect(refusal(frame, other(from)), String(frame)).toBe(`a frame of type ${frame[0]} from the wrong side`)
    }
  })

  it('may have more fields and keys than are known', () => {
    for (const [from, frame] of samples) {
      const fields: unknown[] = [...frame]
      const padded = [...fields, ...Array(6 - fields.length).fill(null), 'more']
      expect(parsed(padded, from)).toEqual(parsed(frame, from))
      const wider = fields.map((field, i) => (i > 0 && isMap(field) ? { ...field, later: [1] } : field))
      if (![T.ITEM, T.END].some(type => type === frame[0])) expect(refusal(wider, from)).toBeUndefined()
    }
  })

  it('may have nil for whatever is absent', () => {
    expect(parsed([T.CALL, 1, 'a', null, null], 'client')).toEqual([T.CALL, 1, 'a'])
    const nothing = { timeoutMs: null, window: null, key: null, headers: null }
    expect(parseFrame([T.CALL, 1, 'a', 1, nothing], 'client')).toEqual([T.CALL, 1, 'a', 1, {}])
    expect(parseFrame([T.HELLO, { token: null, session: null, features: null }], 'client')).toEqual([T.HELLO, {}])
    expect(parsed([T.UNSUBSCRIBE, 1, null], 'server')).toEqual([T.UNSUBSCRIBE, 1])
    expect(parseFrame([T.SUBSCRIBED, 1, { ...subscribed, error: null, epoch: null, gap: null }], 'server')).toEqual([
      T.SUBSCRIBED,
      1,
      { ...subscribed, epoch: null },
    ])
  })
})

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

describe('a frame of a type that nobody knows', () => {
  it.each([20, 31, 32, 63, 64, 127])('%d is ignored, whoever sends it and whatever it holds', type => {
    expect(parseFrame([type], 'client')).toBeUndefined()
    expect(parseFrame([type, 'anything', {}], 'server')).toBeUndefined()
  })

  it.each<unknown>([-1, 1.5, '2', null, true, {}, undefined])('but %s is no type', type => {
    expect(refusal([type], 'client')).toBe('a frame must begin with its type')
  })
})

it('counts the types that are resent, also those that nobody knows yet', () => {
  const counted = Array.from({ length: 128 }, (_, type) => type).filter(isCounted)
  const later = Array.from({ length: 32 }, (_, i) => 32 + i)
  expect(counted).toEqual([2, 3, 4, 5, 6, 7, 14, ...later])
})

describe('numbers', () => {
  const withId = samples.filter(
    ([, [type]]) =>
      type >= T.CALL && type <= T.UNSUBSCRIBE && type !== T.MESSAGE && type !== T.RETRACT && type !== T.GAP,
  )

  it.each([0, -1, 1.5, MAX + 1, Number.NaN, Number.POSITIVE_INFINITY, '1', null, undefined, [1], 1n])(
    'an id of %s is refused in every frame that has one',
    id => {
      for (const [from, frame] of withId) expect(refusal([frame[0], id, ...frame.slice(2)], from)).toContain('id')
    },
  )

  it.each([1, 2 ** 32, MAX])('an id of %d is good', id => {
    for (const [from, frame] of withId) expect(refusal([frame[0], id, ...frame.slice(2)], from)).toBeUndefined()
  })

  it.each<[string, (value: unknown) => readonly unknown[], Side, number, number]>([
    ['bytes of CREDIT', n => [T.CREDIT, 1, n], 'client', 1, 2 ** 31 - 1],
    ['received of ACK', n => [T.ACK, n], 'server', 0, MAX],
    ['offset of MESSAGE', n => [T.MESSAGE, 'c', n, 1], 'server', 0, MAX],
    ['offset of RETRACT', n => [T.RETRACT, 'c', n, 'k'], 'server', 0, MAX],
    ['offset of GAP', n => [T.GAP, 'c', 'e', n], 'server', 0, MAX],
    ['offset of SUBSCRIBED', n => [T.SUBSCRIBED, 1, { ...subscribed, offset: n }], 'server', 0, MAX],
    ['head of SUBSCRIBED', n => [T.SUBSCRIBED, 1, { ...subscribed, head: n }], 'server', 0, MAX],
    ['received of HELLO', n => [T.HELLO, { session: ['s', n, 1] }], 'client', 0, MAX],
    ['attempt of HELLO', n => [T.HELLO, { session: ['s', 0, n] }], 'client', 0, MAX],
    ['received of WELCOME', n => [T.WELCOME, { ...welcome, received: n }], 'server', 0, MAX],
    ['heartbeatMs of WELCOME', n => [T.WELCOME, { ...welcome, heartbeatMs: n }], 'server', 1, 2 ** 31 - 1],
    ['resumeMs of WELCOME', n => [T.WELCOME, { ...welcome, resumeMs: n }], 'server', 0, 2 ** 31 - 1],
    ...Object.keys(welcome.limits).map(
      (limit): [string, (value: unknown) => readonly unknown[], Side, number, number] => [
        `limit ${limit} of WELCOME`,
        n => [T.WELCOME, { ...welcome, limits: { ...welcome.limits, [limit]: n } }],
        'server',
        1,
        MAX,
      ],
    ),
    ['inMs of DRAIN', n => [T.DRAIN, { inMs: n, graceMs: 0 }], 'server', 0, 2 ** 31 - 1],
    ['graceMs of DRAIN', n => [T.DRAIN, { inMs: 0, graceMs: n }], 'server', 0, 2 ** 31 - 1],
    ['number in CALL', n => [T.CALL, 1, typeof n === 'number' ? n : true], 'client', 0, MAX],
    ['number in PUBLISH', n => [T.PUBLISH, 1, typeof n === 'number' ? n : true, null, null], 'client', 0, MAX],
    ['window of CALL', n => [T.CALL, 1, 'a', null, { window: n }], 'client', 0, 1_048_576],
    ['rewind of SUBSCRIBE', n => [T.SUBSCRIBE, 1, 'a', null, { rewind: n }], 'client', 0, MAX],
    ['offset of since', n => [T.SUBSCRIBE, 1, 'a', null, { since: ['e', n] }], 'client', 0, MAX],
  ])('%s is an integer within its range', (_, frame, from, least, most) => {
    for (const good of [least, least + 1, most]) expect(refusal(frame(good), from)).toBeUndefined()
    for (const bad of [least - 1, most + 1, least + 0.5, -1, Number.NaN, String(least), true, {}, [least]]) {
      expect(refusal(frame(bad), from), String(bad)).toBeDefined()
    }
  })

  it('a timeout is any number here: what is out of range concerns its call alone', () => {
    for (const timeoutMs of [-1, 0, 1.5, Number.NaN, 1e300]) {
      expect(parseFrame([T.CALL, 1, 'a', 1, { timeoutMs }], 'client')).toEqual([T.CALL, 1, 'a', 1, { timeoutMs }])
    }
    expect(refusal([T.CALL, 1, 'a', 1, { timeoutMs: '5' }], 'client')).toBe('timeoutMs must be a number')
  })
})

describe('texts', () => {
  it.each<[string, (value: unknown) => readonly unknown[], Side, number, number]>([
    ['entry of CALL', s => [T.CALL, 1, s === 5 ? true : s], 'client', 1, 255],
    ['entry of SUBSCRIBE', s => [T.SUBSCRIBE, 1, s], 'client', 1, 255],
    ['entry of PUBLISH', s => [T.PUBLISH, 1, s === 5 ? true : s, null, null], 'client', 1, 255],
    ['key of CALL', s => [T.CALL, 1, 'a', 1, { key: s }], 'client', 0, 1_024],
    ['key of PUBLISH', s => [T.PUBLISH, 1, 'a', 1, 1, { key: s }], 'client', 0, 1_024],
    ['token of HELLO', s => [T.HELLO, { token: s }], 'client', 0, 8_192],
    ['token of TOKEN', s => [T.TOKEN, s], 'client', 0, 8_192],
    ['session of HELLO', s => [T.HELLO, { session: [s, 0, 0] }], 'client', 1, 64],
    ['contract of HELLO', s => [T.HELLO, { contract: s }], 'client', 1, 255],
    ['client of HELLO', s => [T.HELLO, { client: s }], 'client', 1, 255],
    ['a feature of HELLO', s => [T.HELLO, { features: [s] }], 'client', 1, 255],
    ['session of WELCOME', s => [T.WELCOME, { ...welcome, session: s }], 'server', 1, 64],
    ['publicId of WELCOME', s => [T.WELCOME, { ...welcome, publicId: s }], 'server', 1, 64],
    ['contract of WELCOME', s => [T.WELCOME, { ...welcome, contract: s }], 'server', 1, 255],
    ['route of WELCOME', s => [T.WELCOME, { ...welcome, route: s }], 'server', 0, 512],
    ['channel of SUBSCRIBED', s => [T.SUBSCRIBED, 1, { ...subscribed, channel: s }], 'server', 1, 1_024],
    ['epoch of SUBSCRIBED', s => [T.SUBSCRIBED, 1, { ...subscribed, epoch: s }], 'server', 1, 255],
    ['channel of MESSAGE', s => [T.MESSAGE, s, 1, 1], 'server', 1, 1_024],
    ['key of MESSAGE', s => [T.MESSAGE, 'c', 1, 1, s], 'server', 0, 1_024],
    ['key of RETRACT', s => [T.RETRACT, 'c', 1, s], 'server', 0, 1_024],
    ['epoch of GAP', s => [T.GAP, 'c', s, 1], 'server', 1, 255],
    ['epoch of since', s => [T.SUBSCRIBE, 1, 'a', 1, { since: [s, 1] }], 'client', 1, 255],
    ['code of FAIL', s => [T.FAIL, 1, { ...error, code: s }], 'server', 1, 255],
    ['incident of FAIL', s => [T.FAIL, 1, { ...error, incident: s }], 'server', 1, 255],
  ])('%s has its length', (_, frame, from, shortest, longest) => {
    for (const good of [shortest, longest - 1, longest]) {
      expect(refusal(frame('x'.repeat(good)), from), String(good)).toBeUndefined()
    }
    if (shortest > 0) expect(refusal(frame(''), from)).toBeDefined()
    for (const bad of ['x'.repeat(longest + 1), 5, true, {}, ['x'], Uint8Array.of(1)]) {
      expect(refusal(frame(bad), from), String(bad)).toBeDefined()
    }
  })

  it.each(['a b', 'a/b', 'a*', '>', 'rooms.\u0000', 'é', '\r\n', 'a\n', 'a;b', '%61'])(
    'an entry is never %j',
    entry => {
      expect(refusal([T.CALL, 1, entry], 'client')).toBe('entry is not well formed')
      expect(refusal([T.SUBSCRIBE, 1, entry], 'client')).toBe('entry is not well formed')
      expect(refusal([T.PUBLISH, 1, entry, 1, 1], 'client')).toBe('entry is not well formed')
    },
  )

  it.each(['\u001b[2J', 'a\r\nb', '\u0000', 'é', '\u202e'])('what ends in logs is never %j', text => {
    expect(refusal([T.HELLO, { client: text }], 'client')).toBe('client is not well formed')
    expect(refusal([T.HELLO, { contract: text }], 'client')).toBe('contract is not well formed')
    expect(refusal([T.FAIL, 1, { ...error, code: text }], 'client')).toBe('code is not well formed')
    expect(refusal([T.FAIL, 1, { ...error, incident: text }], 'client')).toBe('incident is not well formed')
  })

  it('a reason holds nothing of what was sent', () => {
    const canary = 'c4n4ry <script>'
    const frames = [[T.CALL, 1, canary], [T.HELLO, { client: `${canary}\n` }], [canary], [T.CALL, canary]]
    for (const frame of frames) expect(refusal(frame, 'client')).not.toContain('c4n4ry')
  })
})

describe('maps', () => {
  const odd: readonly unknown[] = [1, 'x', true, [], new Map(), new Set(), new Date(0), Uint8Array.of(1), 1n]

  it.each<[string, (value: unknown) => readonly unknown[], Side]>([
    ['HELLO', map => [T.HELLO, map], 'client'],
    ['WELCOME', map => [T.WELCOME, map], 'server'],
    ['limits of WELCOME', map => [T.WELCOME, { ...welcome, limits: map }], 'server'],
    ['options of CALL', map => [T.CALL, 1, 'a', 1, map], 'client'],
    ['headers of CALL', map => [T.CALL, 1, 'a', 1, { headers: map }], 'client'],
    ['options of SUBSCRIBE', map => [T.SUBSCRIBE, 1, 'a', 1, map], 'client'],
    ['options of PUBLISH', map => [T.PUBLISH, 1, 'a', 1, 1, map], 'client'],
    ['SUBSCRIBED', map => [T.SUBSCRIBED, 1, map], 'server'],
    ['error of SUBSCRIBED', map => [T.SUBSCRIBED, 1, { error: map }], 'server'],
    ['error of UNSUBSCRIBE', map => [T.UNSUBSCRIBE, 1, map], 'server'],
    ['error of FAIL', map => [T.FAIL, 1, map], 'server'],
    ['DRAIN', map => [T.DRAIN, map], 'server'],
  ])('%s is a map and nothing else', (_, frame, from) => {
    for (const value of odd) expect(refusal(frame(value), from), String(value)).toMatch(/must be a map/)
  })

  it.each([
    ['HELLO', T.HELLO, 'client'],
    ['WELCOME', T.WELCOME, 'server'],
    ['DRAIN', T.DRAIN, 'server'],
  ] as const)('%s needs its map', (_, type, from) => {
    expect(refusal([type], from)).toBeDefined()
  })

  it.each(['session', 'publicId', 'resumed', 'received', 'heartbeatMs', 'resumeMs', 'limits'] as const)(
    'WELCOME needs %s',
    key => {
      expect(refusal([T.WELCOME, { ...welcome, [key]: undefined }], 'server')).toBeDefined()
    },
  )

  it('true and false are written as such', () => {
    for (const value of [0, 1, 'true', {}]) {
      expect(refusal([T.WELCOME, { ...welcome, resumed: value }], 'server')).toBeDefined()
      expect(refusal([T.SUBSCRIBED, 1, { ...subscribed, gap: value }], 'server')).toBeDefined()
      expect(refusal([T.FAIL, 1, { ...error, mayHaveRun: value }], 'server')).toBeDefined()
    }
  })

  it('an error needs a message', () => {
    expect(refusal([T.FAIL, 1, { code: 'X' }], 'server')).toBe('message must be a string')
    expect(refusal([T.FAIL, 1, { code: 'X', message: 5 }], 'server')).toBe('message must be a string')
  })

  it('lists are lists', () => {
    expect(refusal([T.HELLO, { session: 's' }], 'client')).toBe('session must be an array')
    expect(refusal([T.HELLO, { session: {} }], 'client')).toBe('session must be an array')
    expect(refusal([T.HELLO, { features: 'x' }], 'client')).toBeDefined()
    expect(refusal([T.SUBSCRIBE, 1, 'a', 1, { since: 'e' }], 'client')).toBe('a position must be an array')
    for (const [count, good] of [
      [64, true],
      [65, false],
    ] as const) {
      expect(refusal([T.HELLO, { features: Array(count).fill('x') }], 'client') === undefined).toBe(good)
    }
  })

  it('the keys of a prototype are neither read nor merged', () => {
    const hostile = JSON.parse('{"__proto__":{"timeoutMs":1},"constructor":{"prototype":{"polluted":1}},"toString":1}')
    const frame = parseFrame([T.CALL, 1, 'a', 1, hostile], 'client')
    expect(frame).toEqual([T.CALL, 1, 'a', 1, {}])
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })
})

describe('headers', () => {
  const read = (headers: unknown) => {
    const frame = parseFrame([T.CALL, 1, 'a', 1, { headers }], 'client')
    return frame?.[0] === T.CALL ? frame[4]?.headers : undefined
  }

  it('come in a map without a prototype', () => {
    const headers = read({ 'X-Trace_1.a': 'é ✓', constructor: 'c' })
    expect({ ...headers }).toEqual({ 'X-Trace_1.a': 'é ✓', constructor: 'c' })
    expect(Object.getPrototypeOf(headers)).toBeNull()
  })

  it.each([
    ['a name that is empty', { '': 'x' }],
    ['a name of 65 characters', { ['n'.repeat(65)]: 'x' }],
    ['a name with a space', { 'a b': 'x' }],
    ['a name with a line break', { 'a\n': 'x' }],
    ['a value with a line break', { a: 'x\r\ny' }],
    ['a value with an escape', { a: '\u001b' }],
    ['a value with NEL', { a: '\u0085' }],
    ['a value that is a number', { a: 1 }],
    ['a value that is nil', { a: null }],
    ['65 of them', Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`h${i}`, '']))],
    ['8,193 characters', { a: 'x'.repeat(8_192) }],
  ])('are refused with %s, here and by the client before it sends them', (_, headers) => {
    expect(refusal([T.CALL, 1, 'a', 1, { headers }], 'client')).toBe(headersProblem(headers))
    expect(headersProblem(headers)).toBeDefined()
  })

  it('are good up to there', () => {
    const many = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`h${i}`, '']))
    for (const headers of [{}, many, { ['n'.repeat(64)]: '' }, { a: 'x'.repeat(8_191) }]) {
      expect(headersProblem(headers)).toBeUndefined()
      expect({ ...read(headers) }).toEqual(headers)
    }
  })
})

it('reads a position', () => {
  expect(parsePosition(['e', 4])).toEqual(['e', 4])
  expect(parsePosition([null, 0])).toEqual([null, 0])
  for (const odd of [null, 'e', {}, [], ['e'], ['e', -1], [5, 4]])
    expect(() => parsePosition(odd)).toThrow(ProtocolError)
})
