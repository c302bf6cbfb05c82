/**
 * Measures what an operation costs a server: Tautline beside a hand-written floor and beside its peers.
 *
 * Without `--only`, `--columns` and `--parts` it writes docs/benchmarks.md; `--quick`, which measures once and briefly,
 * writes to test-results/bench instead. What fails is told at the end, and everything else is measured all the same.
 *
 * - `--only=tautline,socket`: the rows of the table with this in their name, beside the floor's
 * - `--columns=stream,echo`: some of its columns
 * - `--parts=table,slow,recover,growth,browser`: some of what there is
 * - `--growth=connections,size`: some of the plots
 * - `--against=directory`: also another checkout of Tautline, which has been built
 * - `--rounds=5`: so many
 * - `--most=1000`: the most connections, subscribers, topics and entries, and the largest crowd that comes back
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Attempt, measureRound } from './measure/all.ts'
import { browsing, chromiumPath } from './measure/browser.ts'
import { growths } from './measure/growth.ts'
import { mostClients, recoverFromCrash, recoverFromCut } from './measure/recover.ts'
import { type Slow, slowReaders } from './measure/slow.ts'
import { COLUMNS, type Effort, type Row } from './measure/steps.ts'
import { toAndFro } from './measure/turns.ts'
import { enginesOf, withEngines } from './report/engine.ts'
import type { Findings } from './report/findings.ts'
import { pageOf } from './report/page.ts'
import { plotOf } from './report/plot.ts'
import { tableOf } from './report/table.ts'
import { FLOOR, SUBJECTS, type Subject, TAUTLINE, tautlineOf } from './subjects.ts'

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    columns: { type: 'string' },
    parts: { type: 'string' },
    growth: { type: 'string' },
    against: { type: 'string' },
    rounds: { type: 'string' },
    most: { type: 'string' },
  },
})

const { quick } = options
const effort: Effort = quick
  ? {
      turns: 1,
      warmMs: 300,
      ms: 400,
      calls: 600,
      echoes: 100,
      warmConnects: 150,
      connects: 150,
      subscribers: 500,
      publications: 30,
    }
  : {
      turns: 6,
      warmMs: 1_000,
      warm: 200_000,
      ms: 1_800,
      calls: 3_000,
      echoes: 1_000,
      warmConnects: 6_000,
      connects: 3_000,
      subscribers: 1_000,
      publications: 200,
    }
const most = Math.min(Number(options.most ?? (quick ? 100 : 10_000)), mostClients())
const rounds = Number(options.rounds ?? (quick ? 1 : 3))

const only = options.only?.toLowerCase().split(',')
const subjects = SUBJECTS.filter(
  ({ name }) => !only || name === FLOOR.name || only.some(it => name.toLowerCase().includes(it)),
)
if (options.against !== undefined) subjects.push(tautlineOf(options.against))
const columns = COLUMNS.filter(column => !options.columns || options.columns.split(',').includes(column))
const isWhole = !options.only && !options.columns && !options.parts && !options.growth
const parts = options.parts?.split(',') ?? (options.growth ? ['growth'] : isWhole ? undefined : ['table'])
const plots = options.growth?.split(',')
const begunAt = performance.now()
const failures: string[] = []

const attempt: Attempt = async (what, act) => {
  tell(what)
  try {
    return await act()
  } catch (error) {
    const message = `${what}: ${error instanceof Error ? error.message : error}`
    failures.push(message)
    tell(`FAILED ${message}`)
    return undefined
  }
}

const findings: Findings = {
  measured: await table(),
  slow: await slow(),
  recoveries: await recoveries(),
  growths: is('growth') ? await growths({ most, rounds, quick }, attempt, name => !plots || plots.includes(name)) : [],
  pages: await pages(),
  failures,
  rounds,
  minutes: (performance.now() - begunAt) / 60_000,
  quick,
}
write(findings)
for (const failure of failures) tell(`FAILED ${failure}`)
process.exit(failures.length > 0 ? 1 : 0)

async function table(): Promise<Findings['measured']> {
  const measured = new Map<Subject, Row[]>(subjects.map(subject => [subject, []]))
  for (let round = 1; is('table') && round <= rounds; round++) {
    tell(`round ${round} of ${rounds}`)
    // To and fro: whoever is measured later in one round is measured earlier in the next.
    const order = toAndFro(subjects, round - 1)
    for (const [subject, row] of await measureRound(order, effort, columns, attempt)) measured.get(subject)?.push(row)
  }
  if (is('table')) process.stdout.write(`${tableOf(measured, columns)}\n`)
  return measured
}

async function slow(): Promise<Findings['slow']> {
  const found = new Map<Subject, Slow>()
  for (const subject of is('slow') ? (quick ? [FLOOR, TAUTLINE] : subjects) : []) {
    const one = await attempt(`slow readers: ${subject.name}`, () => slowReaders(subject, quick ? 50 : 300))
    if (one) found.set(subject, one)
  }
  return found
}

async function recoveries(): Promise<Findings['recoveries']> {
  if (!is('recover')) return {}
  const count = Math.max(200, most)
  return {
    cut: await attempt(`${count} clients are cut off`, () => recoverFromCut(count)),
    crash: await attempt(`${count} clients and a crash`, () => recoverFromCrash(count)),
  }
}

async function pages(): Promise<Findings['pages']> {
  const path = chromiumPath()
  if (!is('browser') || path === undefined) return new Map()
  return (await attempt('browser', () => browsing(path, { rounds, ms: quick ? 1_500 : 4_000 }, attempt))) ?? new Map()
}

function write(found: Findings): void {
  const root = fileURLToPath(new URL('../../../', import.meta.url))
  const docs = `${root}${isWhole && !quick ? 'docs' : 'test-results/bench'}`
  mkdirSync(`${docs}/benchmarks`, { recursive: true })
  const page = `${docs}/benchmarks.md`
  const engines = existsSync(page) ? enginesOf(readFileSync(page, 'utf8')) : ''
  writeFileSync(page, withEngines(pageOf(found), engines))
  for (const growth of found.growths) writeFileSync(`${docs}/benchmarks/${growth.name}.svg`, plotOf(growth))
  tell(`wrote ${docs}/benchmarks.md`)
}

function is(part: string): boolean {
  return parts?.includes(part) ?? true
}

/** Tells what happens, and when. */
function tell(what: string): void {
  process.stderr.write(`${((performance.now() - begunAt) / 1_000).toFixed(0).padStart(5)} s  ${what}\n`)
}
