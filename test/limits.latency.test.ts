import type { ServerLimits } from '@tautline/server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { limitsOf } from '../packages/server/src/limits.ts'
import type { Testimony } from './support/fort.ts'
import { overrunsOfMessages } from './support/overruns-of-messages.ts'
import { overrunsOfSessions } from './support/overruns-of-sessions.ts'
import { overrunsOfTime } from './support/overruns-of-time.ts'
import type { Overruns } from './support/raid.ts'
import { WatchedFort } from './support/watched-fort.ts'

/** How many times as long as usual half of all calls may take meanwhile, and how many ms more. */
const FACTOR = 20
const MORE_MS = 1_000
/** How long somebody goes beyond a limit again and again, in ms. */
const AGAIN_MS = 150

const quick = { ...overrunsOfMessages, ...overrunsOfSessions }
/** One for each limit: there is no other place where a new one would be missed. */
const overruns: Overruns<keyof ServerLimits> = { ...quick, ...overrunsOfTime }

test('every limit of a server has somebody who goes beyond it', () => {
  expect(Object.keys(overruns).sort()).toEqual(Object.keys(limitsOf()).sort())
})

describe('nobody else waits', () => {
  let fort: WatchedFort
  let slow: WatchedFort

  beforeAll(async () => {
    ;[fort, slow] = await Promise.all([WatchedFort.start(quick), WatchedFort.start(overrunsOfTime)])
  }, 30_000)
  afterAll(() => Promise.all([fort.fort.end(), slow.fort.end()]))

  test.each(Object.entries(quick))('while somebody goes beyond %s', { timeout: 30_000 }, async (_, overrun) => {
    expectWell(await fort.under([overrun], AGAIN_MS), fort.usual)
  })

  test('while somebody goes beyond every limit of time', { timeout: 60_000 }, async () => {
    expectWell(await slow.under(Object.values(overrunsOfTime)), slow.usual)
  })

  test('and nothing has gone wrong', async () => {
    for (const { fort: each } of [fort, slow]) expect((await each.report()).faults).toEqual([])
  })
})

function expectWell({ calls, median, troubles }: Testimony, usual: Testimony): void {
  expect(troubles).toEqual([])
  expect(calls).toBeGreaterThan(0)
  expect(median).toBeLessThan(FACTOR * usual.median + MORE_MS)
}
