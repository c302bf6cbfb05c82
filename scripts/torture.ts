/**
 * Plays random stories of clients, lines and servers for as long as one likes (`test/support/stories.ts`):
 * `npm run torture -- --runs 100000 [--seed S] [--path P]`. A story that goes wrong is shrunk, and told with the command
 * that plays it again. `npm run torture -- --faults [--seeds 20]` deals the faults of `test/faults.*.test.ts`, on real
 * sockets and processes, with so many seeds. `npm run torture -- --hostile` attacks a server in every way that we know,
 * `--leaks` has a hundred thousand clients come and go. `--cluster [--minutes 10] [--clients 2000] [--broker redis]` kills,
 * restarts and cuts off servers that share an engine, in front of many clients.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import * as fc from 'fast-check'
import { stories } from '../test/support/stories.ts'
import { besiege, leak } from './besiege.ts'
import { torment } from './torment.ts'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000' },
    seed: { type: 'string' },
    path: { type: 'string' },
    faults: { type: 'boolean', default: false },
    seeds: { type: 'string', default: '20' },
    hostile: { type: 'boolean', default: false },
    leaks: { type: 'boolean', default: false },
    cluster: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '10' },
    clients: { type: 'string', default: '2000' },
    broker: { type: 'string' },
  },
})

/** Small portions, so that it can be seen to go on. */
const PORTION = 500

function dealFaults(): number {
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--project=tests', 'test/faults.']
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  const env = { ...process.env, TAUTLINE_SEEDS: values.seeds }
  return spawnSync(process.execPath, vitest, { cwd, env, stdio: 'inherit' }).status ?? 1
}

async function tellStories(): Promise<number> {
  const runs = Number(values.runs)
  const first = Number(values.seed ?? Date.now() % 2 ** 31)
  for (let done = 0; done < runs; done += PORTION) {
    const seed = first + done
    const numRuns = Math.min(PORTION, runs - done)
    const found = await fc.check(stories, { seed, numRuns, ...(values.path !== undefined && { path: values.path }) })
    if (found.failed) {
      console.error(fc.defaultReportMessage(found))
      console.error(`\nTo see it again: npm run torture -- --runs 1 --seed ${seed} --path ${found.counterexamplePath}`)
      return 1
    }
    console.log(`${done + numRuns} stories, nothing wrong`)
  }
  return 0
}

function tell(wrong: readonly string[]): number {
  for (const what of wrong) console.error(what)
  return wrong.length === 0 ? 0 : 1
}

async function tormentCluster(): Promise<number> {
  const { minutes, clients, seed = 1, broker } = values
  const settings = { minutes: Number(minutes), clients: Number(clients), seed: Number(seed), broker }
  return (await torment(settings)) ? 0 : 1
}

if (values.hostile) process.exitCode = tell(await besiege())
else if (values.leaks) process.exitCode = tell(await leak())
else if (values.cluster) process.exitCode = await tormentCluster()
else process.exitCode = values.faults ? dealFaults() : await tellStories()
