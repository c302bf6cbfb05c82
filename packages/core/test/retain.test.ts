import { describe, expect, it } from 'vitest'
import { memoryOf } from '../src/retain.ts'

describe('what a topic remembers', () => {
  it('is nothing when it says nothing', () => {
    expect(memoryOf(undefined)).toEqual({ kind: 'none' })
  })

  it('is a log with the bound that is not given filled in', () => {
    expect(memoryOf({ count: 500, seconds: 600 })).toEqual({ kind: 'log', count: 500, seconds: 600 })
    expect(memoryOf({ count: 1 })).toEqual({ kind: 'log', count: 1, seconds: Number.POSITIVE_INFINITY })
    expect(memoryOf({ seconds: 0.5 })).toEqual({ kind: 'log', count: 10_000, seconds: 0.5 })
  })

  it('is the newest of each key', () => {
    const memory = memoryOf({ latestBy: (m: { who: string }) => m.who, seconds: 60, owned: true })
    expect(memory).toMatchObject({ kind: 'latest', count: 10_000, seconds: 60, owned: true })
    expect(memory.kind === 'latest' && memory.keyOf({ who: 'ada' })).toBe('ada')
  })

  it.each([
    [{}, '`retain` needs `count`, `seconds` or `latestBy`'],
    [null, '`retain` must be an object'],
    [{ count: 0 }, '`retain.count` must be an integer from 1 to 10000'],
    [{ count: 10_001 }, '`retain.count` must be an integer from 1 to 10000'],
    [{ count: 1.5 }, '`retain.count` must be an integer from 1 to 10000'],
    [{ count: '5' }, '`retain.count` must be an integer from 1 to 10000'],
    [{ seconds: 0 }, '`retain.seconds` must be a number above 0 and at most 31536000'],
    [{ seconds: Number.NaN }, '`retain.seconds` must be a number above 0 and at most 31536000'],
    [{ seconds: Number.POSITIVE_INFINITY }, '`retain.seconds` must be a number above 0 and at most 31536000'],
    [{ latestBy: 'who' }, '`retain.latestBy` must be a function from a message to its key'],
    [{ latestBy: String, count: 5 }, '`retain.latestBy` keeps one message per key; `count` does not go with it'],
    [{ count: 5, owned: true }, '`retain.owned` goes with `latestBy` only'],
    [{ count: 5, owned: 1 }, '`retain.owned` must be true or false'],
    [{ cuont: 5 }, '`retain` has no option `cuont`'],
  ])('refuses %o', (retain, message) => {
    expect(() => memoryOf(retain)).toThrow(new TypeError(message))
  })
})
