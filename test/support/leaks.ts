import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** What was left of so many clients and calls. */
export interface Leaks {
  /** Warnings, rejections and incidents. */
  readonly faults: readonly string[]
  /** Bytes of the heap. */
  readonly grownByClients: number
  readonly grownByCalls: number
  readonly heaps: readonly number[]
  /** What keeps the process alive, beside timers, before and after. */
  readonly resources: readonly [before: string, after: string]
}

/** Has `clients` clients come, work and go, so many times, then one make `calls` calls; in a process of its own. */
export async function leaksOf(work: { rounds: number; clients: number; calls: number }): Promise<Leaks> {
  const child = fileURLToPath(new URL('leaks-child.ts', import.meta.url))
  const flags = ['--expose-gc', '--conditions=@tautline/source', '--import', 'tsx']
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, child, JSON.stringify(work)])
  return JSON.parse(stdout)
}
