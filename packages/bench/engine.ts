/**
 * Measures what an engine and Tautline's broker on it cost: `npm run bench -- --engine` writes the section about engines
 * of docs/benchmarks.md. `--quick` measures briefly and writes nothing; `--rounds=5` so many; `--only=tautline` the rows
 * with this in their name, beside what they are compared with.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ENGINE_SUBJECTS, type EngineSubject } from './engines.ts'
import { type EngineEffort, type EngineRow, prepareEngine, type Trial } from './measure/engine.ts'
import { medianRowOf, toAndFro } from './measure/turns.ts'
import { engineSection, engineTable, withEngines } from './report/engine.ts'

const { values: options } = parseArgs({
  options: {
    engine: { type: 'boolean' },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    only: { type: 'string' },
  },
})

const effort: EngineEffort = options.quick
  ? { turns: 1, warm: 5_000, lone: 500, many: 10_000, atOnce: 64 }
  : { turns: 6, warm: 100_000, lone: 6_000, many: 48_000, atOnce: 64 }
const rounds = Number(options.rounds ?? (options.quick ? 1 : 3))

const chosen = ENGINE_SUBJECTS.filter(({ name }) => name.toLowerCase().includes(options.only?.toLowerCase() ?? ''))
const subjects = ENGINE_SUBJECTS.filter(({ engine, name }) =>
  chosen.some(each => each.engine === engine && (each.name === name || each.floor === name)),
)

const found = new Map<EngineSubject, EngineRow[]>(subjects.map(subject => [subject, []]))
for (let round = 1; round <= rounds; round++) {
  const trials = new Map<EngineSubject, Trial>()
  try {
    for (const subject of subjects) {
      tell(`round ${round} of ${rounds}: ${subject.name}`)
      trials.set(subject, await prepareEngine(subject, effort))
    }
    for (const [subject, turns] of await takeTurns(trials)) found.get(subject)?.push(medianRowOf(turns))
  } finally {
    for (const trial of trials.values()) await trial.end()
  }
}
process.stdout.write(`${engineTable(found)}\n`)
if (!options.quick && options.only === undefined) {
  const page = fileURLToPath(new URL('../../../docs/benchmarks.md', import.meta.url))
  writeFileSync(page, withEngines(readFileSync(page, 'utf8'), engineSection(found, rounds)))
  tell(`wrote into ${page}`)
}
process.exit()

/** Measures all of them in turn. */
async function takeTurns(trials: ReadonlyMap<EngineSubject, Trial>): Promise<ReadonlyMap<EngineSubject, EngineRow[]>> {
  const rows = new Map<EngineSubject, EngineRow[]>([...trials.keys()].map(subject => [subject, []]))
  for (let turn = 0; turn < effort.turns; turn++) {
    for (const [subject, trial] of toAndFro([...trials], turn)) rows.get(subject)?.push(await trial.measure())
  }
  return rows
}

function tell(what: string): void {
  process.stderr.write(`${what}\n`)
}
