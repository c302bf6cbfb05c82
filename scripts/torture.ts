/**
 * Plays random stories of clients, lines and servers for as long as one likes (`test/support/stories.ts`):
 * `npm run torture -- --runs 100000 [--seed S] [--path P]`. A story that goes wrong is shrunk, and told with the command
 * that plays it again.
 */
import { parseArgs } from 'node:util'
import * as fc from 'fast-check'
import { stories } from '../test/support/stories.ts'

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '1000' }, seed: { type: 'string' }, path: { type: 'string' } },
})
const runs = Number(values.runs)
const first = Number(values.seed ?? Date.now() % 2 ** 31)

/** Small portions, so that it can be seen to go on. */
const PORTION = 500

for (let done = 0; done < runs; done += PORTION) {
  const seed = first + done
  const numRuns = Math.min(PORTION, runs - done)
  const found = await fc.check(stories, { seed, numRuns, ...(values.path !== undefined && { path: values.path }) })
  if (found.failed) {
    console.error(fc.defaultReportMessage(found))
    console.error(`\nTo see it again: npm run torture -- --runs 1 --seed ${seed} --path ${found.counterexamplePath}`)
    process.exit(1)
  }
  console.log(`${done + numRuns} stories, nothing wrong`)
}
