import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Happening } from './history.ts'

const directories = new Set<string>()
// Also those of tests that failed half-way.
process.once('exit', () => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

/**
 * What processes tell that may be killed at any moment: each happening is in the file before what it tells of has any
 * effect, so that neither SIGKILL nor a message under way can lose it.
 */
export class Ledger {
  readonly path: string
  readonly #directory = mkdtempSync(join(tmpdir(), 'tautline-ledger-'))
  readonly #file: number
  readonly #buffer = Buffer.alloc(65_536)
  #position = 0
  #rest = ''

  constructor() {
    directories.add(this.#directory)
    this.path = join(this.#directory, 'happenings')
    this.#file = openSync(this.path, 'a+')
  }

  /** What was written since the last time. */
  *read(): Generator<Happening> {
    for (;;) {
      const bytes = readSync(this.#file, this.#buffer, 0, this.#buffer.length, this.#position)
      if (bytes === 0) return
      this.#position += bytes
      const lines = (this.#rest + this.#buffer.toString('latin1', 0, bytes)).split('\n')
      this.#rest = lines.pop() ?? ''
      for (const line of lines) yield JSON.parse(line)
    }
  }

  close(): void {
    closeSync(this.#file)
    directories.delete(this.#directory)
    rmSync(this.#directory, { recursive: true })
  }
}

/** Writes into a ledger, from any process. */
export function ledgerWriter(path: string): (happening: Happening) => void {
  const file = openSync(path, 'a')
  return happening => void writeSync(file, `${JSON.stringify(happening)}\n`)
}
