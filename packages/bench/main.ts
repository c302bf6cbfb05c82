/**
 * Measures what an operation costs a server: Tautline beside a hand-written floor and beside its peers.
 *
 * Without `--only` it writes docs/benchmarks.md. `--quick` measures once and briefly; `--only=Tautline,Socket.IO 4` some
 * rows of the table, beside the floor's; `--against=directory` also another checkout of Tautline, which has been built;
 * `--rounds=5` so many; `--columns=stream,echo` prints some; `--most=1000` is the largest
 * crowd that comes back after a crash, and the most connections, subscribers, topics and entries.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { COLUMNS, type Effort, measureAll, type Row } from './measure/all.ts'
import { growths } from './measure/growth.ts'
import { recover } from './measure/recover.ts'
import { type Slow, slowReaders } from './measure/slow.ts'
import { pageOf } from './report/page.ts'
import { plotOf } from './report/plot.ts'
import { tableOf } from './report/table.ts'
import { FLOOR, SUBJECTS, type Subject, TAUTLINE, tautlineOf } from './subjects.ts'

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    against: { type: 'string' },
    columns: { type: 'string' },
    rounds: { type: 'string' },
    most: { type: 'string' },
  },
})

const { quick } = options
const effort: Effort = quick
  ? { warmMs: 500, ms: 600, calls: 800, connects: 200, subscribers: 1_000, publications: 15 }
  : { warmMs: 1_000, ms: 1_200, calls: 1_500, connects: 300, subscribers: 1_000, publications: 40 }
const most = Number(options.most ?? (quick ? 100 : 10_000))
const rounds = Number(options.rounds ?? (quick ? 1 : 3))

const only = options.only?.toLowerCase().split(',')
const subjects = SUBJECTS.filter(({ name }) => !only || name === FLOOR.name || only.includes(name.toLowerCase()))
if (options.against !== undefined) subjects.push(tautlineOf(options.against))
const wanted = COLUMNS.filter(column => !options.columns || options.columns.split(',').includes(column))

const measured = new Map<Subject, Row[]>(subjects.map(subject => [subject, []]))
for (let round = 1; round <= rounds; round++) {
  for (const [subject, rows] of measured) {
    tell(`round ${round} of ${rounds}: ${subject.name}`)
    rows.push(await measureAll(subject, effort, wanted))
  }
}
process.stdout.write(`${tableOf(measured, wanted)}\n`)
if (!only) await write()
process.exit()

async function write(): Promise<void> {
  const slow = new Map<Subject, Slow>()
  for (const subject of [FLOOR, TAUTLINE]) {
    tell(`slow readers: ${subject.name}`)
    slow.set(subject, await slowReaders(subject, quick ? 100 : 200))
  }
  tell('a crash')
  const recovery = await recover(Math.max(300, most))
  const found = await growths(most, tell)
  const docs = fileURLToPath(new URL('../../../docs/', import.meta.url))
  mkdirSync(`${docs}benchmarks`, { recursive: true })
  writeFileSync(`${docs}benchmarks.md`, pageOf({ measured, slow, recovery, growths: found, rounds, quick }))
  for (const growth of found) writeFileSync(`${docs}benchmarks/${growth.name}.svg`, plotOf(growth))
  tell(`wrote ${docs}benchmarks.md`)
}

function tell(what: string): void {
  process.stderr.write(`${what}\n`)
}
