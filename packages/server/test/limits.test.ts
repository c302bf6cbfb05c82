import { describe, expect, it } from 'vitest'
import { limitsOf, type ServerLimits } from '../src/limits.ts'

const wrong = [0, -1, 1.5, 2 ** 31, 2 ** 32, 2 ** 32 + 1, Number.NaN, Number.POSITIVE_INFINITY, '1', null, {}]

describe('limits', () => {
  it.each(wrong)('refuse %s for a size, and name it', value => {
    const given = { messageBytes: value } as unknown as Partial<ServerLimits>
    expect(() => limitsOf(given)).toThrow('limits.messageBytes must be an integer from 1 to 2147483647')
  })

  it('take the least and the most that is allowed', () => {
    expect(limitsOf({ messageBytes: 1 }).messageBytes).toBe(1)
    expect(limitsOf({ messageBytes: 2 ** 31 - 1 }).messageBytes).toBe(2 ** 31 - 1)
    expect(() => limitsOf({ depth: 65 })).toThrow('limits.depth')
    expect(limitsOf({ depth: 64 }).depth).toBe(64)
  })

  it.each(Object.keys(limitsOf()))('refuse what %s cannot be, and take what it can', name => {
    const [, least, most] = messageOf({ [name]: Number.NaN }).match(/must be an integer from (\d+) to (\d+)$/) ?? []
    for (const value of [Number(least) - 1, Number(most) + 1, 2 ** 31, 2 ** 32 + 1, -1, 1.5, '5']) {
      expect(messageOf({ [name]: value })).toBe(`limits.${name} must be an integer from ${least} to ${most}`)
    }
    expect(messageOf({ [name]: Number(least) })).toBe('')
    // Nothing can be above it.
    expect(messageOf({ [name]: Number(most) })).toBe(
      name === 'lowWaterBytes' ? 'limits.lowWaterBytes must be below limits.highWaterBytes' : '',
    )
  })

  it('refuse what is no limit', () => {
    expect(() => limitsOf({ mesageBytes: 5 } as Partial<ServerLimits>)).toThrow('limits.mesageBytes: there is no such')
    expect(() => limitsOf(JSON.parse('{"__proto__": {"rate": 1}}'))).toThrow('limits.__proto__')
  })

  it('keep low water below high water', () => {
    expect(limitsOf({ highWaterBytes: 1_000 }).lowWaterBytes).toBe(250)
    expect(() => limitsOf({ highWaterBytes: 1_000, lowWaterBytes: 1_000 })).toThrow('limits.lowWaterBytes')
  })

  it('are those of the table when nothing is said', () => {
    expect(limitsOf()).toMatchObject({
      messageBytes: 1_048_576,
      calls: 256,
      callBytes: 8_388_608,
      subscriptions: 128,
      rate: 1_000,
      burst: 2_000,
      highWaterBytes: 1_048_576,
      lowWaterBytes: 262_144,
      replayBytes: 1_048_576,
      resumeMs: 30_000,
      sessionsPerIdentity: 64,
      unauthenticated: 1_000,
      unauthenticatedPerAddress: 64,
    })
  })
})

/** What is wrong with them, if anything. */
function messageOf(given: object): string {
  try {
    limitsOf(given)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}
