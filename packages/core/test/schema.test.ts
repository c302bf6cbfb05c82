import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import * as mini from 'zod/mini'
import { TautlineError } from '../src/errors.ts'
import { isSchema, parse } from '../src/schema.ts'
import { encodeValue } from '../src/wire/codec.ts'

const validators = [
  ['zod', z.object({ name: z.string(), age: z.number() })],
  ['zod/mini', mini.object({ name: mini.string(), age: mini.number() })],
  ['valibot', v.object({ name: v.string(), age: v.number() })],
  ['arktype', type({ name: 'string', age: 'number', '+': 'delete' })],
] as const

function refused(run: () => unknown): TautlineError {
  try {
    run()
  } catch (error) {
    if (error instanceof TautlineError) return error
    throw error
  }
  throw new Error('it was accepted')
}

/** A validator that answers what it is told to. */
function standard(validate: (value: unknown) => unknown) {
  return { '~standard': { version: 1, vendor: 'test', validate } }
}

describe.each(validators)('parse() with %s', (_, schema) => {
  it('returns what the schema makes of the value, at once', () => {
    expect(isSchema(schema)).toBe(true)
    expect(parse(schema, { name: 'Ada', age: 36, secret: 'x' }, 'input')).toEqual({ name: 'Ada', age: 36 })
  })

  it('refuses with the path of what is wrong', () => {
    const error = refused(() => parse(schema, { name: 'Ada', age: 'old' }, 'input of people.add'))
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', message: 'input of people.add does not fit its schema' })
    expect(error.issues?.map(issue => issue.path)).toEqual([['age']])
    expect(error.issues?.[0]?.message).not.toBe('')
  })
})

describe('parse()', () => {
  it('runs a transform once', () => {
    let runs = 0
    const schema = z.string().transform(text => {
      runs += 1
      return Number(text)
    })
    expect(parse(schema, '42', 'input')).toBe(42)
    expect(runs).toBe(1)
  })

  it('answers with a promise only where the validator does', async () => {
    const late = z.string().refine(async text => text !== 'taken')
    const answer = parse(late, 'free', 'input')
    expect(answer).toBeInstanceOf(Promise)
    expect(await answer).toBe('free')
    await expect(parse(late, 'taken', 'input')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  it('lets pass what a validator throws or rejects with, as it is', async () => {
    const boom = new Error('db password=hunter2')
    expect(() =>
      parse(
        standard(() => {
          throw boom
        }),
        1,
        'input',
      ),
    ).toThrow(boom)
    await expect(
      parse(
        standard(() => Promise.reject(boom)),
        1,
        'input',
      ),
    ).rejects.toBe(boom)
  })

  it('without a schema takes nothing but nothing', () => {
    expect(parse(undefined, undefined, 'input')).toBeUndefined()
    expect(parse(undefined, null, 'input')).toBeUndefined()
    for (const value of [0, '', false, {}, []]) {
      expect(refused(() => parse(undefined, value, 'input')).issues).toEqual([
        { path: [], message: 'no value is expected here' },
      ])
    }
  })

  it('lets pass whatever stands where an outline says that there is something', () => {
    const value = { any: 'thing' }
    expect(parse(true, value, 'input')).toBe(value)
  })
})

describe('the issues of a refusal', () => {
  const issues = (raw: readonly unknown[], value: unknown = {}) =>
    refused(() =>
      parse(
        standard(() => ({ issues: raw })),
        value,
        'input',
      ),
    ).issues ?? []

  it('are ten at most, and say how many there were', () => {
    const item = { message: 'bad' }
    expect(issues(Array(10).fill(item))).toHaveLength(10)
    const eleven = issues(Array(11).fill(item))
    expect(eleven).toHaveLength(11)
    expect(eleven[10]).toEqual({ path: [], message: 'and 1 more' })
    const bomb = refused(() =>
      parse(z.array(z.object({ a: z.string(), b: z.string() })), Array(10_000).fill({}), 'input'),
    )
    expect(bomb.issues).toHaveLength(11)
    expect(bomb.issues?.[10]?.message).toBe('and 19990 more')
  })

  it.each([
    ['long messages', Array.from({ length: 50 }, () => ({ message: 'x'.repeat(10_000), path: ['a'] }))],
    ['wide characters', Array.from({ length: 50 }, () => ({ message: '€'.repeat(10_000), path: ['€'.repeat(500)] }))],
    ['long paths', Array.from({ length: 50 }, () => ({ message: 'x', path: Array(500).fill('k'.repeat(500)) }))],
    [
      'everything at once',
      Array.from({ length: 50 }, () => ({ message: '😀'.repeat(9_999), path: Array(50).fill('😀'.repeat(99)) })),
    ],
  ])('are 2 KiB at most: %s', (_, raw) => {
    const bounded = issues(raw)
    expect(bounded.length).toBeGreaterThan(1)
    expect(bounded.every(issue => issue.path.length <= 8)).toBe(true)
    expect(bounded.at(-1)?.message).toBe(`and ${raw.length - (bounded.length - 1)} more`)
    expect(encodeValue(bounded).bytes.length).toBeLessThanOrEqual(2_048)
  })

  it('take every kind of path that a validator may give', () => {
    const path = ['a', 3, { key: 'b' }, { key: 4 }, Symbol('s')]
    expect(
      issues([
        { message: 'bad', path },
        { message: 'worse', path: undefined },
      ]),
    ).toEqual([
      { path: ['a', 3, 'b', 4, 'Symbol(s)'], message: 'bad' },
      { path: [], message: 'worse' },
    ])
  })

  const secrets = {
    email: 'hunter2-email',
    count: 31_337,
    list: ['hunter2-item', 41_414],
    deep: { x: { y: 'hunter2-deep' } },
    either: 'hunter2-either',
    short: 'hu',
    exact: 'hunter2-exact',
    pattern: 'hunter2\n"quoted"',
    even: 77_777,
    array: 'hunter2-array',
  }

  it.each([
    [
      'zod',
      z.strictObject({
        email: z.email(),
        count: z.number().max(3),
        list: z.array(z.boolean()),
        deep: z.object({ x: z.object({ y: z.number() }) }),
        either: z.union([z.number(), z.boolean()]),
        short: z.string().min(3),
        exact: z.literal('a'),
        pattern: z.string().regex(/^x/),
        even: z.number().multipleOf(2),
        array: z.array(z.string()),
      }),
    ],
    [
      'valibot',
      v.strictObject({
        email: v.pipe(v.string(), v.email()),
        count: v.pipe(v.number(), v.maxValue(3)),
        list: v.array(v.boolean()),
        deep: v.object({ x: v.object({ y: v.number() }) }),
        either: v.union([v.number(), v.boolean()]),
        short: v.pipe(v.string(), v.minLength(3)),
        exact: v.literal('a'),
        pattern: v.pipe(v.string(), v.regex(/^x/)),
        even: v.pipe(v.number(), v.multipleOf(2)),
        array: v.array(v.string()),
      }),
    ],
    [
      'arktype',
      type({
        email: 'string.email',
        count: 'number < 3',
        list: 'boolean[]',
        deep: { x: { y: 'number' } },
        either: 'number | boolean',
        short: 'string > 3',
        exact: "'a'",
        pattern: /^x/,
        even: 'number % 2',
        array: 'string[]',
      }),
    ],
  ])('never hold the value, whatever %s says', (_, schema) => {
    const { issues = [] } = refused(() => parse(schema, secrets, 'input'))
    const messages = issues.map(issue => issue.message)
    expect(messages).toHaveLength(11)
    expect(messages.join('\n')).not.toMatch(/hunter2|31337|41414|77777|quoted/)
    expect(messages.every(message => message.length > 5)).toBe(true)
  })

  it('never hold the value, even where the author of the schema put it', () => {
    const schema = z.object({
      card: z.string().refine(() => false, { error: issue => `${issue.input} is no card, ${issue.input}!` }),
    })
    const { issues } = refused(() => parse(schema, { card: '4111 1111 1111 1111' }, 'input'))
    expect(issues).toEqual([{ path: ['card'], message: '… is no card, …!' }])
    const long = refused(() => parse(schema, { card: 'secret'.repeat(10_000) }, 'input'))
    expect(long.issues?.[0]?.message).not.toContain('secret')
  })

  it('keep what tells only a type', () => {
    const { issues } = refused(() => parse(z.number(), 'x', 'input'))
    expect(issues?.[0]?.message).toBe('Invalid input: expected number, received string')
    expect(refused(() => parse(type('number'), 'x', 'input')).issues?.[0]?.message).toBe(
      'must be a number (was a string)',
    )
  })

  it('are found for values in a Map, and for paths that lead nowhere', () => {
    const value = { map: new Map([['k', 'hunter2']]) }
    expect(issues([{ message: 'hunter2 is bad', path: ['map', 'k'] }], value)[0]?.message).toBe('… is bad')
    expect(
      issues(
        [
          { message: 'bad', path: ['toString', 'name'] },
          { message: 'bad', path: ['map', 'x', 'y'] },
        ],
        value,
      ),
    ).toHaveLength(2)
  })
})
