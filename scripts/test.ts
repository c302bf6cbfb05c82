/**
 * Runs the whole test, or the steps named as arguments, one after another, and ends with the line `N passed, N failed`.
 * Every test of vitest counts as one, and so does every other step.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const report = 'test-results/vitest.json'

// By path, because two versions of TypeScript claim the name `tsc`.
const tsc = 'node_modules/typescript/bin/tsc'
const tsc7 = 'node_modules/ts7/bin/tsc'
const vitest = [
  'node_modules/vitest/vitest.mjs',
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile=${report}`,
]

/** What Node runs for each step, in order; the first failure ends a step, and the next step follows all the same. */
const steps: Readonly<Record<string, readonly (readonly string[])[]>> = {
  types: [
    [tsc, '-b', 'tsconfig.build.json'],
    [tsc, '-p', 'tsconfig.json'],
  ],
  'types-7': [[tsc7, '-p', 'tsconfig.json']],
  lint: [['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings']],
  floors: [['--import', 'tsx', 'scripts/floors.ts']],
  tests: [[...vitest, '--project=tests']],
  browser: [[...vitest, '--project=browser']],
  packages: [['--import', 'tsx', 'scripts/check-packages.ts']],
  'types-cost': [['--import', 'tsx', 'scripts/types/measure.ts', '--budgets']],
  bundle: [['--conditions=@tautline/source', '--import', 'tsx', 'scripts/bundle/weigh.ts']],
  docs: [['node_modules/typedoc/bin/typedoc', '--emit', 'none']],
}

interface Outcome {
  readonly step: string
  readonly seconds: number
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

function run(step: string): Outcome {
  process.stdout.write(`\n── ${step} ──\n`)
  rmSync(`${root}/${report}`, { force: true })
  const started = performance.now()
  const ok = (steps[step] ?? []).every(
    args => spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status === 0,
  )
  return { step, seconds: (performance.now() - started) / 1000, ...(testCounts(ok) ?? stepCounts(ok)) }
}

function stepCounts(ok: boolean) {
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 }
}

/** What vitest reported, if it ran; an unhandled rejection fails the run without failing a test, and counts as one. */
function testCounts(ok: boolean) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(`${root}/${report}`, 'utf8'))
    return { passed: numPassedTests, failed: ok ? 0 : Math.max(1, numFailedTests), skipped: numPendingTests }
  } catch {
    return undefined
  }
}

function table(outcomes: readonly Outcome[]): string {
  return outcomes
    .map(({ step, seconds, passed, failed, skipped }) => {
      const counts = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} SKIPPED` : ''}`
      return `${step.padEnd(10)}${seconds.toFixed(1).padStart(8)} s   ${counts}\n`
    })
    .join('')
}

const named = process.argv.slice(2)
const unknown = named.filter(step => !Object.hasOwn(steps, step))
if (unknown.length > 0)
  throw new Error(`no such step: ${unknown.join(', ')}; there are: ${Object.keys(steps).join(', ')}`)

const outcomes = (named.length > 0 ? named : Object.keys(steps)).map(run)
const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0)
const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0)
process.exitCode = failed === 0 ? 0 : 1
process.stdout.write(`\n${table(outcomes)}\n${passed} passed, ${failed} failed\n`)
