/**
 * Runs the whole test, or the steps named as arguments, one after another, and ends with the line `N passed, N failed`.
 * A vitest step counts its tests; every other step counts as one.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const report = 'node_modules/.cache/tautline/vitest.json'

// By path, because two versions of TypeScript claim the name `tsc`.
const tsc = ['node_modules/typescript/bin/tsc']
const tsc7 = ['node_modules/ts7/bin/tsc']
const tsx = ['--import', 'tsx']

/** Each step is what Node runs, in order; the first failure ends the step, not the test. */
const steps: Readonly<Record<string, readonly (readonly string[])[]>> = {
  types: [
    [...tsc, '-b', 'tsconfig.build.json'],
    [...tsc, '-p', 'tsconfig.json'],
  ],
  'types-7': [[...tsc7, '-p', 'tsconfig.json']],
  lint: [['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings']],
  floors: [[...tsx, 'scripts/floors.ts']],
  vitest: [
    ['node_modules/vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=json', `--outputFile=${report}`],
  ],
  packages: [[...tsx, 'scripts/check-packages.ts']],
  bundle: [[...tsx, 'scripts/perf-bundle.ts']],
}

interface Outcome {
  readonly step: string
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly seconds: string
}

function run(step: string): Outcome {
  process.stdout.write(`\n── ${step} ──\n`)
  const started = performance.now()
  const ok = (steps[step] ?? []).every(
    args => spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status === 0,
  )
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  return { step, ...(step === 'vitest' ? countTests(ok) : count(ok)), seconds }
}

function count(ok: boolean) {
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 }
}

/** What vitest reports; a run that failed with no failed test (an unhandled rejection, a crash) counts as one failure. */
function countTests(ok: boolean) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(`${root}/${report}`, 'utf8'))
    return { passed: numPassedTests, failed: ok ? 0 : Math.max(1, numFailedTests), skipped: numPendingTests }
  } catch {
    return count(false)
  }
}

const named = process.argv.slice(2)
const unknown = named.filter(step => !Object.hasOwn(steps, step))
if (unknown.length > 0)
  throw new Error(`no such step: ${unknown.join(', ')}; there are: ${Object.keys(steps).join(', ')}`)

mkdirSync(`${root}/node_modules/.cache/tautline`, { recursive: true })
rmSync(`${root}/${report}`, { force: true })

const outcomes = (named.length > 0 ? named : Object.keys(steps)).map(run)
process.stdout.write('\n')
for (const { step, passed, failed, skipped, seconds } of outcomes) {
  const rest = skipped > 0 ? `, ${skipped} SKIPPED` : ''
  process.stdout.write(`${step.padEnd(10)} ${`${seconds} s`.padStart(8)}   ${passed} passed, ${failed} failed${rest}\n`)
}

const total = (key: 'passed' | 'failed') => outcomes.reduce((sum, outcome) => sum + outcome[key], 0)
process.exitCode = total('failed') === 0 ? 0 : 1
process.stdout.write(`${total('passed')} passed, ${total('failed')} failed\n`)
