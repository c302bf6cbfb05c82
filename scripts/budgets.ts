/** Figures that may not grow unnoticed: recorded in `budgets.json`, held by the tests, changed only on purpose. */
import { readFileSync, writeFileSync } from 'node:fs'

const file = new URL('../budgets.json', import.meta.url)

/** Growth that is noise rather than news. */
const tolerance = 1.03

/** One recorded figure. */
export interface Budget {
  readonly unit: string
  /** The figure as it was last accepted. */
  readonly recorded: number
  /** What it may never pass, whatever was recorded. */
  readonly limit?: number
  /** What it should become. A figure above it holds nothing up, but is told every time. */
  readonly goal?: number
}

/**
 * Compares a measured figure with its budget, says so on one line, and fails the process when it grew by more than 3 %
 * or passed its limit. With `--record` among the arguments it becomes the recorded figure instead.
 *
 * @throws Error when `budgets.json` has no such budget.
 */
export function holdBudget(name: string, measured: number): void {
  const budgets: Record<string, Budget> = JSON.parse(readFileSync(file, 'utf8'))
  const budget = budgets[name]
  if (budget === undefined) throw new Error(`budgets.json has no '${name}'`)

  const { unit, recorded, limit = Number.POSITIVE_INFINITY, goal } = budget
  const recording = process.argv.includes('--record')
  if (recording) {
    const accepted = { ...budgets, [name]: { ...budget, recorded: measured } }
    writeFileSync(file, `${JSON.stringify(accepted, null, 2)}\n`)
  }

  const most = recording ? limit : Math.min(limit, Math.floor(recorded * tolerance))
  const verdict = measured <= most ? 'ok' : `TOO MUCH: at most ${most}; when it is worth it, run again with --record`
  process.stdout.write(`${name}: ${measured} ${unit} (recorded ${recorded}): ${verdict}\n`)
  if (goal !== undefined && measured > goal)
    process.stdout.write(`NOT AT ITS GOAL: ${name}: ${measured - goal} ${unit} above ${goal}\n`)
  if (measured > most) process.exitCode = 1
}
