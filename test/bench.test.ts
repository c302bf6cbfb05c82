import { afterEach, expect, test } from 'vitest'
import { type Attempt, measureRound } from '../packages/bench/measure/all.ts'
import { growths } from '../packages/bench/measure/growth.ts'
import { recoverFromCrash, recoverFromCut } from '../packages/bench/measure/recover.ts'
import { slowReaders } from '../packages/bench/measure/slow.ts'
import { COLUMNS, type Effort, type Row } from '../packages/bench/measure/steps.ts'
import { pageOf } from '../packages/bench/report/page.ts'
import { plotOf } from '../packages/bench/report/plot.ts'
import { FLOOR, type Subject, TAUTLINE } from '../packages/bench/subjects.ts'

/** Nothing that is measured so says anything: only that the bench works, with what is there without its peers. */
const TINY: Effort = {
  turns: 2,
  warmMs: 20,
  ms: 50,
  calls: 10,
  echoes: 5,
  warmConnects: 4,
  connects: 4,
  subscribers: 20,
  publications: 3,
}

const SLOW_MACHINE_MS = 240_000

const failures: string[] = []

const attempt: Attempt = (what, act) =>
  act().catch((error: Error) => {
    failures.push(`${what}: ${error.message}`)
    return undefined
  })

afterEach(() => {
  failures.length = 0
})

test('the bench measures Tautline and the floor, and writes its page', { timeout: SLOW_MACHINE_MS }, async () => {
  const rows = await measureRound([FLOOR, TAUTLINE], TINY, COLUMNS, attempt)
  expect(failures).toEqual([])
  // Memory and CPU of so little work may well be none.
  const some = { ...Object.fromEntries(COLUMNS.map(column => [column, expect.any(Number)])), p50: expect.any(Number) }
  for (const row of rows.values()) {
    expect(row).toEqual(some)
    expect(row.up).toBeGreaterThan(20)
    expect(row.down).toBeGreaterThan(20)
  }

  const measured = new Map<Subject, Row[]>([...rows].map(([subject, row]) => [subject, [row]]))
  const nothing = { slow: new Map(), recoveries: {}, growths: [], pages: new Map(), minutes: 1, quick: true, rounds: 1 }
  const page = pageOf({ ...nothing, measured, failures: ['echo: too small'] })
  expect(page).toContain('- echo: too small')
  expect(page).toMatch(/\| floor \| 1\.00 \| 1\.00 \|/)
  expect(page).toMatch(/\| Tautline \| \d+\.\d\d \| \d+\.\d\d \|/)
})

test('a server of the bench that fails is told of, and all others are measured', {
  timeout: SLOW_MACHINE_MS,
}, async () => {
  const mute: Subject = { ...FLOOR, name: 'mute', server: 'schemas' }
  const rows = await measureRound([mute, FLOOR], TINY, ['p50'], attempt)
  expect(failures).toEqual([expect.stringMatching(/^mute: p50: ended with 0 before it was there/)])
  expect(rows.get(mute)).toEqual({})
  expect(rows.get(FLOOR)).toMatchObject({ p50: expect.any(Number) })
})

test('the bench brings a crowd back, and lets readers be slow', { timeout: SLOW_MACHINE_MS }, async () => {
  expect(await recoverFromCut(8)).toMatchObject({ clients: 8, gaps: 0 })
  expect(await recoverFromCrash(8)).toMatchObject({ clients: 8, gaps: 8 })
  expect(await slowReaders(TAUTLINE, 2)).toMatchObject({ cpu: expect.any(Number) })
})

test('the bench plots how cost grows', { timeout: SLOW_MACHINE_MS }, async () => {
  const found = await growths({ most: 100, rounds: 1, quick: true }, attempt, name => name === 'contract')
  expect(failures).toEqual([])
  expect(found.map(plotOf)).toEqual([expect.stringMatching(/^<svg (?:(?!NaN).)*<\/svg>\n$/s)])
})
