import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import * as mini from 'zod/mini'
import { contract, procedure, stream, topic } from '../src/contract.ts'
import { hashOf, numbersOf } from '../src/hash.ts'
import { entriesOf, mapEntries, outlineOf } from '../src/outline.ts'

const Room = z.object({ room: z.string() })
const ping = procedure({})

describe('contract()', () => {
  it('returns fresh frozen entries with kind and path', () => {
    const tree = {
      rooms: {
        post: procedure({ input: Room, idempotent: true, timeout: 5_000 }),
        feed: topic({ params: Room, message: Room }),
      },
    }
    const checked = contract(tree)
    expect(checked.rooms.post).toEqual({
      kind: 'procedure',
      path: 'rooms.post',
      input: Room,
      idempotent: true,
      timeout: 5_000,
    })
    expect(checked.rooms.feed).toEqual({ kind: 'topic', path: 'rooms.feed', params: Room, message: Room })
    for (const node of [checked, checked.rooms, checked.rooms.post, checked.rooms.feed])
      expect(node).toSatisfy(Object.isFrozen)
    expect(checked.rooms.post).not.toBe(tree.rooms.post)
    expect(tree.rooms.post).not.toHaveProperty('path')
  })

  it('leaves out what is undefined, so that `in` tells what an entry has', () => {
    const entry = contract({ a: stream({ down: Room, up: undefined as never }) }).a
    expect('up' in entry).toBe(false)
  })

  it('gives entries of another contract a new path when they are spread into it', () => {
    const one = contract({ ping, rooms: { ping } })
    const two = contract({ ...one, more: { ...one.rooms, deep: one } })
    expect(two.ping.path).toBe('ping')
    expect([two.more.ping.path, two.more.deep.rooms.ping.path]).toEqual(['more.ping', 'more.deep.rooms.ping'])
    expect(one.rooms.ping.path).toBe('rooms.ping')
  })

  it('takes a module namespace as a group', async () => {
    const module = Object.freeze(Object.assign(Object.create(null), { [Symbol.toStringTag]: 'Module', ping }))
    expect(contract({ files: module }).files).toMatchObject({ ping: { path: 'files.ping' } })
  })

  it('does not see what its author changes afterwards', () => {
    const errors: Record<string, null> = { MUTED: null }
    const checked = contract({ a: procedure({ errors }) })
    errors.NOT_FOUND = null
    expect(checked.a.errors).toEqual({ MUTED: null })
    expect(checked.a.errors).toSatisfy(Object.isFrozen)
  })

  it.each([
    ['zod', z.object({ a: z.string() })],
    ['zod/mini', mini.object({ a: mini.string() })],
    ['valibot', v.object({ a: v.string() })],
    ['arktype', type({ a: 'string' })],
  ])('takes the schemas of %s', (_, schema) => {
    const checked = contract({
      a: procedure({ input: schema, output: schema, errors: { X: schema } }),
      b: topic({ params: schema, message: schema }),
    })
    expect(checked.a.input).toBe(schema)
  })
})

describe('contract() refuses, and says where', () => {
  const names = ['then', 'catch', 'finally', 'toJSON', 'prototype', ...Object.getOwnPropertyNames(Object.prototype)]
  it.each(names)('the name %s', name => {
    const group = Object.defineProperty({}, name, { value: ping, enumerable: true })
    expect(() => contract({ rooms: group })).toThrow(`rooms.${name}: \`${name}\` is a reserved name`)
  })

  it.each(['', 'a.b', 'a b', '1st', 'rooms@presence', '*', '>', 'ä', 'a\n', '$x'])('the name %j', name => {
    expect(() => contract({ rooms: { [name]: ping } })).toThrow(/^rooms\..*: a name is made of/s)
  })

  it('a leaf that is none of the three', () => {
    for (const leaf of [5, null, undefined, 'x', Room, () => 5, new Map(), [ping], new (class Rooms {})()]) {
      expect(() => contract({ rooms: { leaf: leaf as never } })).toThrow(
        'rooms.leaf is neither a procedure, a stream, a topic nor a group of them',
      )
    }
    expect(() => contract({ rooms: { leaf: { kind: 'constructor' } as never } })).toThrow(
      'rooms.leaf is neither a procedure, a stream nor a topic',
    )
  })

  it('a topic without params or without message', () => {
    expect(() => contract({ a: topic({ message: Room } as never) })).toThrow('a: needs `params`')
    expect(() => contract({ a: topic({ params: Room } as never) })).toThrow('a: needs `message`')
  })

  it('a stream on which nothing flows', () => {
    expect(() => contract({ a: stream({ input: Room }) })).toThrow('a: needs `up` or `down`')
  })

  it('an option that does not exist', () => {
    expect(() => contract({ a: procedure({ inptu: Room } as never) })).toThrow(
      'a: there is no option `inptu`; there are: ',
    )
    expect(() => contract({ a: procedure({ constructor: Room } as never) })).toThrow(
      'a: there is no option `constructor`',
    )
  })

  it('a schema that is none', () => {
    for (const input of [{}, 5, { '~standard': {} }, null, { type: 'object' }]) {
      expect(() => contract({ a: { b: procedure({ input: input as never }) } })).toThrow(
        'a.b: `input` must be a Standard Schema',
      )
    }
  })

  it('errors that are not declared well', () => {
    expect(() => contract({ a: procedure({ errors: { NOT_FOUND: null } }) })).toThrow(
      'a: the error `NOT_FOUND` is a canonical code',
    )
    expect(() => contract({ a: procedure({ errors: { 'no-good': null } }) })).toThrow(
      'a: the error `no-good` must be made of',
    )
    expect(() => contract({ a: procedure({ errors: { [`A${'A'.repeat(64)}`]: null } }) })).toThrow('must be made of')
    expect(() => contract({ a: procedure({ errors: { MUTED: {} as never } }) })).toThrow(
      'a: the error `MUTED` must be a Standard Schema, or null',
    )
    expect(() => contract({ a: stream({ down: Room, errors: 5 as never }) })).toThrow('a: `errors` must be an object')
  })

  it('a timeout out of its bounds', () => {
    for (const timeout of [0, -1, 1.5, 3_600_001, Number.NaN, Number.POSITIVE_INFINITY, '5']) {
      expect(() => contract({ a: procedure({ timeout: timeout as never }) })).toThrow(
        'a: `timeout` must be an integer from 1 to 3600000 (ms)',
      )
    }
    for (const timeout of [1, 3_600_000]) expect(contract({ a: procedure({ timeout }) }).a.timeout).toBe(timeout)
  })

  it('memory that cannot be', () => {
    expect(() => contract({ a: topic({ params: Room, message: Room, retain: {} as never }) })).toThrow(
      'a: `retain` needs `count`, `seconds` or `latestBy`',
    )
  })

  it.each([
    ['zod', z.object({ id: z.string(), name: z.string() })],
    ['zod/mini', mini.object({ id: mini.string() })],
    ['valibot', v.object({ id: v.string() })],
  ])('members of a presence whose id is not that of their session: %s', (_, presence) => {
    expect(() => contract({ rooms: { feed: topic({ params: Room, message: Room, presence }) } })).toThrow(
      'rooms.feed: `presence` may not have a field `id`',
    )
  })

  it('flags and meta of another type', () => {
    expect(() => contract({ a: procedure({ idempotent: 1 as never }) })).toThrow(
      'a: `idempotent` must be true or false',
    )
    expect(() => contract({ a: procedure({ meta: 5 as never }) })).toThrow('a: `meta` must be an object')
  })

  it('a group that contains itself', () => {
    const group: Record<string, never> = {}
    Object.assign(group, { again: group })
    expect(() => contract({ rooms: group })).toThrow('rooms.again contains itself')
  })

  it('more depth, length and number than the wire should carry', () => {
    const nested = (depth: number): object => (depth === 0 ? { ping } : { a: nested(depth - 1) })
    expect(entriesOf(contract(nested(16) as never)).size).toBe(1)
    expect(() => contract(nested(17) as never)).toThrow('groups nest at most 16 deep')
    expect(contract({ ['a'.repeat(246)]: ping })).toBeDefined()
    expect(() => contract({ ['a'.repeat(247)]: ping })).toThrow('a path has at most 246 characters')
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`e${index}`, ping]))
    expect(entriesOf(contract(many(10_000))).size).toBe(10_000)
    expect(() => contract(many(10_001))).toThrow('a contract has at most 10000 entries, this one 10001')
  })
})

const chat = contract({
  rooms: {
    post: procedure({
      input: Room,
      output: Room,
      errors: { CLOSED: Room, MUTED: null },
      idempotent: true,
      timeout: 50,
      meta: { role: 'user' },
    }),
    upload: stream({ input: Room, up: Room, down: Room, result: Room, meta: { big: 1n } }),
    feed: topic({ params: Room, message: Room, publish: Room, presence: Room, retain: { count: 5 } }),
    positions: topic({ params: Room, message: Room, retain: { latestBy: m => m.room } }),
  },
  ping,
})

describe('an outline', () => {
  it('is the same tree without schemas, as plain JSON', () => {
    const outline = outlineOf(chat)
    expect(JSON.parse(JSON.stringify(outline))).toEqual(outline)
    expect(outline).toEqual({
      rooms: {
        post: {
          kind: 'procedure',
          path: 'rooms.post',
          input: true,
          output: true,
          errors: { CLOSED: true, MUTED: null },
          idempotent: true,
          timeout: 50,
          meta: { role: 'user' },
        },
        upload: { kind: 'stream', path: 'rooms.upload', input: true, up: true, down: true, result: true },
        feed: {
          kind: 'topic',
          path: 'rooms.feed',
          params: true,
          message: true,
          publish: true,
          presence: true,
          retain: 'log',
        },
        positions: { kind: 'topic', path: 'rooms.positions', params: true, message: true, retain: 'latest' },
      },
      ping: { kind: 'procedure', path: 'ping' },
    })
  })

  it('of an outline is that outline', () => {
    expect(outlineOf(JSON.parse(JSON.stringify(outlineOf(chat))))).toEqual(outlineOf(chat))
  })
})

describe('walking a contract', () => {
  it('finds every entry by its path, and nothing else', () => {
    const entries = entriesOf(chat)
    expect([...entries.keys()]).toEqual(['rooms.post', 'rooms.upload', 'rooms.feed', 'rooms.positions', 'ping'])
    expect(entries.get('rooms.post')).toBe(chat.rooms.post)
    for (const path of ['rooms', 'constructor', 'rooms.constructor', 'ping.call', '__proto__', ''])
      expect(entries.get(path)).toBeUndefined()
  })

  it('puts something else in the place of each entry', () => {
    expect(mapEntries(chat, entry => entry.kind)).toEqual({
      rooms: { post: 'procedure', upload: 'stream', feed: 'topic', positions: 'topic' },
      ping: 'procedure',
    })
  })

  it('takes two contracts that were spread into one tree', () => {
    expect([...entriesOf({ ...chat, ...contract({ pong: ping }) }).keys()]).toContain('pong')
  })

  it('refuses a tree that has not been through contract()', () => {
    expect(() => entriesOf({ rooms: { ping } })).toThrow(
      'rooms.ping is no entry of a contract: has the tree been through contract()?',
    )
    expect(() => entriesOf({ moved: chat.rooms })).toThrow('moved.post is no entry')
    expect(() => entriesOf({ a: 5 })).toThrow('a is no entry')
  })
})

describe('the numbers of a contract', () => {
  it('are those of its outline, whatever the order of its entries', () => {
    const { ping, rooms } = chat
    const numbers = [...numbersOf(chat)]
    expect(numbers.map(([, number]) => number)).toEqual([...entriesOf(chat).keys()].map((_, index) => index))
    expect(numbers.map(([path]) => path)).toEqual([...entriesOf(chat).keys()].sort())
    expect([...numbersOf(outlineOf(chat))]).toEqual(numbers)
    expect([...numbersOf({ rooms: Object.fromEntries(Object.entries(rooms).reverse()), ping })]).toEqual(numbers)
  })
})

describe('the hash of a contract', () => {
  it('is that of its outline, whatever the order of its entries', () => {
    const { ping, rooms } = chat
    expect(hashOf(chat)).toMatch(/^[0-9a-f]{16}$/)
    expect(hashOf(outlineOf(chat))).toBe(hashOf(chat))
    expect(hashOf({ ping, rooms: Object.fromEntries(Object.entries(rooms).reverse()) })).toBe(hashOf(chat))
  })

  it('tells contracts apart by paths and kinds only', () => {
    const hash = (tree: object) => hashOf(contract(tree as never))
    expect(hash({ a: ping })).not.toBe(hash({ b: ping }))
    expect(hash({ a: ping })).not.toBe(hash({ a: stream({ down: Room }) }))
    expect(hash({ a: ping })).toBe(hash({ a: procedure({ input: Room }) }))
  })

  it('meets none of its like among many', () => {
    const hashes = new Set(Array.from({ length: 5_000 }, (_, index) => hashOf(contract({ [`e${index}`]: ping }))))
    expect(hashes.size).toBe(5_000)
  })
})
