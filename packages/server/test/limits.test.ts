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
