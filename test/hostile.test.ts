import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Fort } from './support/fort.ts'
import type { Raider } from './support/raider.ts'
import { type Siege, sieges } from './support/sieges.ts'

/** What half of all calls, and what any call, may wait while others attack: this machine has other things to do, too. */
const MEDIAN_MS = 1_000
const LONGEST_MS = 5_000
const MIB = 1_048_576

/** Whoever leaves is forgotten at once, and nobody is waited for: so that a test sees what is left. */
const limits = { resumeMs: 1, stalledMs: 2_000, helloMs: 1_000, messageMs: 1_000, requestMs: 1_000 }

describe.each([false, true])('a server of 256 MiB, compression: %s', compression => {
  let fort: Fort
  let raiders: readonly Raider[] = []

  beforeAll(async () => {
    fort = await Fort.start({ limits, compression })
  }, 30_000)
  afterAll(() => fort.end())
  afterEach(() => {
    for (const raider of raiders) raider.leave()
  })

  const mine = sieges.filter((siege: Siege) => (siege.compression ?? false) === compression)
  test.each(mine)('stands, and serves others, under $name', { timeout: 30_000 }, async ({ run, closes }) => {
    const before = await fort.report()
    await new Promise(resolve => setTimeout(resolve, 150))
    const usual = await fort.testimony()

    raiders = await run(fort.port, 'small')
    if (closes) {
      await Promise.all(raiders.map(raider => raider.dismissed()))
      const codes = new Set(raiders.map(raider => raider.code))
      expect([...codes].filter(code => code !== undefined && !closes.includes(code))).toEqual([])
      expect(codes).toContain(closes[0])
    }
    const unusual = await fort.testimony()
    for (const raider of raiders) raider.leave()
    const after = await fort.calm(15_000)

    expect(fort.stands).toBe(true)
    expect(after.faults).toEqual([])
    expect(unusual.troubles).toEqual([])
    expect(unusual.calls).toBeGreaterThan(0)
    expect(unusual.median).toBeLessThan(Math.max(MEDIAN_MS, usual.median * 2))
    expect(unusual.p99).toBeLessThan(Math.max(LONGEST_MS, usual.p99 * 2))
    expect(after.memory.heapUsed + after.memory.arrayBuffers).toBeLessThan(
      before.memory.heapUsed + before.memory.arrayBuffers + 24 * MIB,
    )
  })
})
