import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** A program that a suite needs and npm does not bring. */
export interface Tool {
  /** The program's file name, looked up in `PATH`. */
  readonly binary: string
  /** The Debian package that has it. */
  readonly apt: string
  /** What is tested with it, as it is told to people. */
  readonly suite: string
}

/** Everything that the suites need beyond npm. */
export const tools = {
  chromium: { binary: 'chromium', apt: 'chromium', suite: 'browser tests' },
  redis: { binary: 'redis-server', apt: 'redis-server', suite: 'Redis tests' },
  nats: { binary: 'nats-server', apt: 'nats-server', suite: 'NATS tests' },
} as const satisfies Record<string, Tool>

export type ToolName = keyof typeof tools

/** The command that installs Debian packages, for people to read and for `pretest` to run. */
export function installCommand(packages: readonly string[]): string {
  return `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`
}

/** The absolute path of a program in `PATH`, or `undefined`. */
export function findBinary(binary: string): string | undefined {
  const places = (process.env.PATH ?? '').split(delimiter).filter(place => place !== '')
  return places.map(place => join(place, binary)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
