/**
 * Measures what an operation costs a server: Tautline beside a hand-written floor and beside its peers.
 *
 * `--quick` measures once and briefly; `--only=Tautline,tRPC` some rows, beside the floor; `--against=directory` another
 * checkout of Tautline as well, which has been built; `--rounds=5` so many.
 */
import { parseArgs } from 'node:util'
import { type Effort, measureAll, type Row } from './measure/all.ts'
import { tableOf } from './report/table.ts'
import { FLOOR, SUBJECTS, type Subject, tautlineOf } from './subjects.ts'

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    against: { type: 'string' },
    rounds: { type: 'string' },
  },
})

const effort: Effort = options.quick
  ? { warmMs: 500, ms: 600, calls: 800, connects: 200, subscribers: 1_000, publications: 15 }
  : { warmMs: 1_000, ms: 1_500, calls: 2_000, connects: 400, subscribers: 1_000, publications: 40 }
const rounds = Number(options.rounds ?? (options.quick ? 1 : 3))

const only = options.only?.toLowerCase().split(',')
const subjects = SUBJECTS.filter(({ name }) => !only || name === FLOOR.name || only.includes(name.toLowerCase()))
if (options.against !== undefined) subjects.push(tautlineOf(options.against))

const measured = new Map<Subject, Row[]>(subjects.map(subject => [subject, []]))
for (let round = 1; round <= rounds; round++) {
  for (const [subject, rows] of measured) {
    process.stderr.write(`round ${round} of ${rounds}: ${subject.name}\n`)
    rows.push(await measureAll(subject, effort))
  }
}
process.stdout.write(`${tableOf(measured)}\n`)
