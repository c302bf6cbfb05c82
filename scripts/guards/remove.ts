/**
 * Removes every guard of `all.ts`, one at a time and in a copy, and sees whether its test
 * notices: `npm run mutate:guards [-- --row N] [-- --in packages/nats]`. It ends with the line
 * `N guards removed, N caught`, and fails when they differ.
 */
import { parseArgs } from 'node:util'
import { allGuards } from './all.ts'
import { Copy, type Trial, type Verdict } from './copy.ts'
import type { Guard } from './guard.ts'

/** Copies that are worked on at a time. */
const JOBS = 2
/** How long all tests may take while every guard is in place, in ms. */
const INTACT_MS = 600_000
/** How long a test may take without its guard: so many ms, and so many times what its file took with it. */
const PATIENCE_MS = 30_000
const PATIENCE = 5

/** What is said of each verdict; `caught` when a test that is run in CI would be red. */
const SAID: Readonly<Record<Verdict, string>> = {
  green: 'NOT CAUGHT',
  red: 'caught',
  hung: 'caught (hung)',
  died: 'caught (died)',
  untested: 'UNTESTED',
}

const { values } = parseArgs({ options: { row: { type: 'string' }, in: { type: 'string', default: '' } } })
const chosen = allGuards.filter(
  ({ row, file }) => (values.row === undefined || row === Number(values.row)) && file.startsWith(values.in),
)

const copies = Array.from({ length: JOBS }, () => new Copy())
process.once('exit', () => {
  for (const copy of copies) copy.remove()
})

const intact = await allIntact()
let caught = 0
const waiting = [...chosen]
await Promise.all(copies.map(work))
process.stdout.write(`${chosen.length} guards removed, ${caught} caught\n`)
process.exitCode = caught === chosen.length ? 0 : 1

async function allIntact(): Promise<Trial> {
  const tests = [...new Set(chosen.map(({ test }) => test))]
  const [first] = copies
  const trial = await first?.run(tests, INTACT_MS)
  if (trial?.verdict !== 'green') {
    throw new Error(`with all guards in place, the tests are ${trial?.verdict}: ${trial?.failed.join(', ')}`)
  }
  const lost = chosen.filter(({ test, name = '' }) => !trial.ran.get(test)?.some(ran => ran.includes(name)))
  if (lost.length > 0) throw new Error(`these name no test that ran: ${lost.map(({ does }) => does).join(', ')}`)
  return trial
}

async function work(copy: Copy): Promise<void> {
  for (let guard = waiting.shift(); guard; guard = waiting.shift()) {
    const started = performance.now()
    const verdict = await copy.without(guard, patienceFor(guard))
    const said = SAID[verdict]
    if (said.startsWith('caught')) caught += 1
    const seconds = ((performance.now() - started) / 1_000).toFixed(1)
    process.stdout.write(
      `${String(guard.row ?? '').padStart(2)}  ${said.padEnd(13)} ${seconds.padStart(5)} s  ${guard.does}  (${guard.test})\n`,
    )
  }
}

function patienceFor({ test }: Guard): number {
  return PATIENCE_MS + PATIENCE * (intact.tookMs.get(test) ?? 0)
}
