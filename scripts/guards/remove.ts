/**
 * Removes every guard of `list.ts`, one at a time and in a copy, and sees whether its test notices:
 * `npm run mutate:guards [-- --row N]`. It ends with the line `N guards removed, N caught`, and fails when they differ.
 */
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Guard, guards } from './list.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Copies that are worked on at a time. */
const JOBS = 2
/** A test that has not ended after so many ms has noticed. */
const HUNG_MS = 120_000

const { values } = parseArgs({ options: { row: { type: 'string' } } })
const chosen = guards.filter(({ row }) => values.row === undefined || row === Number(values.row))

/** What came of a run of tests: all passed, some did not, or the copy could not even be run. */
type Verdict = 'green' | 'red' | 'broken'

/** A copy of the sources in which guards can be removed. */
class Copy {
  readonly #dir = mkdtempSync(join(tmpdir(), 'tautline-guards-'))

  constructor() {
    const skipped = new Set(['node_modules', 'dist', '.git', 'test-results'])
    cpSync(root, this.#dir, { recursive: true, filter: path => !skipped.has(basename(path)) })
    this.#linkModules()
  }

  /** Removes a guard, runs its test, and puts the guard back. */
  async without({ file, find, replace, everywhere, test, name }: Guard): Promise<Verdict> {
    const path = join(this.#dir, file)
    const source = readFileSync(path, 'utf8')
    const parts = source.split(find)
    if (everywhere ? parts.length < 3 : parts.length !== 2)
      throw new Error(`${file}: '${find}' is not there as it should`)
    writeFileSync(path, parts.join(replace))
    try {
      return await this.run([test], name)
    } finally {
      writeFileSync(path, source)
    }
  }

  async run(tests: readonly string[], name?: string): Promise<Verdict> {
    const report = join(this.#dir, 'report.json')
    rmSync(report, { force: true })
    const only = name === undefined ? [] : ['-t', name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')]
    const args = ['run', '--project=tests', '--reporter=json', `--outputFile=${report}`, ...tests, ...only]
    const vitest = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', ...args], {
      cwd: this.#dir,
      stdio: 'ignore',
    })
    const impatience = setTimeout(() => vitest.kill('SIGKILL'), HUNG_MS)
    const code = await new Promise<number | null>(resolve => vitest.once('exit', resolve))
    clearTimeout(impatience)
    if (code === null) return 'red'
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8'))
    if (numPassedTests + numFailedTests === 0) return 'broken'
    return code === 0 ? 'green' : 'red'
  }

  remove(): void {
    rmSync(this.#dir, { recursive: true, force: true })
  }

  /** Those of others are shared; ours must be the copy's own. */
  #linkModules(): void {
    const [from, to] = [join(root, 'node_modules'), join(this.#dir, 'node_modules')]
    mkdirSync(join(to, '@tautline'), { recursive: true })
    for (const name of readdirSync(from)) {
      if (name !== '@tautline' && !name.startsWith('.vite')) symlinkSync(join(from, name), join(to, name))
    }
    for (const name of readdirSync(join(this.#dir, 'packages'))) {
      symlinkSync(join(this.#dir, 'packages', name), join(to, '@tautline', name))
    }
  }
}

const copies = Array.from({ length: JOBS }, () => new Copy())
let caught = 0
try {
  const [first] = copies
  const tests = [...new Set(chosen.map(({ test }) => test))]
  if ((await first?.run(tests)) !== 'green') throw new Error(`with all guards in place, these fail: ${tests.join(' ')}`)
  const waiting = [...chosen]
  await Promise.all(copies.map(copy => work(copy, waiting)))
} finally {
  for (const copy of copies) copy.remove()
}
process.stdout.write(`${chosen.length} guards removed, ${caught} caught\n`)
process.exitCode = caught === chosen.length ? 0 : 1

async function work(copy: Copy, waiting: Guard[]): Promise<void> {
  for (let guard = waiting.shift(); guard; guard = waiting.shift()) {
    const verdict = await copy.without(guard)
    if (verdict === 'red') caught += 1
    const said = { green: 'NOT CAUGHT', red: 'caught', broken: 'BROKEN' }[verdict]
    process.stdout.write(`${String(guard.row).padStart(2)}  ${said.padEnd(10)}  ${guard.does}  (${guard.test})\n`)
  }
}
