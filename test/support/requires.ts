import { describe } from 'vitest'
import { findBinary, installCommand, type ToolName, tools } from '../../scripts/tools.ts'

/** A program that a suite needs, and the `describe` that runs only where the program is. */
export interface RequiredTool {
  /** Absolute path of the program; empty where it is missing. */
  readonly path: string
  readonly describe: typeof describe | typeof describe.skip
}

/**
 * Finds a program that npm does not bring. Where it is missing the suite is skipped and says so; with `CI=true` a skip
 * would hide a failure, so it throws.
 */
export function requireTool(name: ToolName): RequiredTool {
  const { binary, apt, suite } = tools[name]
  const path = findBinary(binary)
  if (path !== undefined) return { path, describe }

  const complaint = `${suite} need ${binary}, which is missing. To install it: ${installCommand([apt])}`
  if (process.env.CI === 'true') throw new Error(complaint)
  process.stderr.write(`\nSKIPPED: ${complaint}\n\n`)
  return { path: '', describe: describe.skip }
}
