import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runGroup } from './group.ts'
import type { Guard } from './guard.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What no test needs that has a guard to look after, in MiB; a mutant that grows for ever is stopped by it. */
const HEAP_MIB = 1_024

/**
 * What came of a run of tests: all passed; some did not; they had not ended when their time was up, or their process had
 * died, which fails a suite as well; or nothing was tested at all.
 */
export type Verdict = 'green' | 'red' | 'hung' | 'died' | 'untested'

/** What a run of tests told. */
export interface Trial {
  readonly verdict: Verdict
  /** Names of the tests that ran, by file. */
  readonly ran: ReadonlyMap<string, readonly string[]>
  /** Those of them that failed, and files that could not even be loaded. */
  readonly failed: readonly string[]
  /** How long each file took, in ms. */
  readonly tookMs: ReadonlyMap<string, number>
}

const NOTHING: Omit<Trial, 'verdict'> = { ran: new Map(), failed: [], tookMs: new Map() }

interface Report {
  readonly numTotalTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly startTime: number
    readonly endTime: number
    readonly status: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

/** A copy of the sources in which guards can be removed. */
export class Copy {
  readonly #dir = realpathSync(mkdtempSync(join(tmpdir(), 'tautline-guards-')))

  constructor() {
    const skipped = new Set(['node_modules', 'dist', '.git', 'test-results'])
    cpSync(root, this.#dir, { recursive: true, filter: path => !skipped.has(basename(path)) })
    this.#linkModules()
  }

  /** Removes a guard, runs its test, and puts the guard back. */
  async without({ file, find, replace, everywhere, test, name }: Guard, withinMs: number): Promise<Verdict> {
    const path = join(this.#dir, file)
    const source = readFileSync(path, 'utf8')
    const parts = source.split(find)
    if (everywhere ? parts.length < 3 : parts.length !== 2)
      throw new Error(`${file}: '${find}' is not there as it should`)
    writeFileSync(path, parts.join(replace))
    try {
      return (await this.run([test], withinMs, name)).verdict
    } finally {
      writeFileSync(path, source)
    }
  }

  /** Runs the tests of some files, or those of them that have a name. */
  async run(tests: readonly string[], withinMs: number, name?: string): Promise<Trial> {
    const report = join(this.#dir, 'report.json')
    rmSync(report, { force: true })
    const only = name === undefined ? [] : ['-t', name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')]
    const args = [
      'run',
      '--project=tests',
      '--experimental.fsModuleCache',
      '--reporter=json',
      `--outputFile=${report}`,
      ...only,
      ...tests,
    ]
    const vitest = 'node_modules/vitest/vitest.mjs'
    const end = await runGroup([vitest, ...args], { cwd: this.#dir, withinMs, heapMiB: HEAP_MIB })
    if (end.kind === 'hung') return { verdict: 'hung', ...NOTHING }
    const { numTotalTests, testResults }: Report = JSON.parse(readFileSync(report, 'utf8'))
    const files = testResults.map(({ name: path, startTime, endTime, status, assertionResults }) => {
      const file = path.slice(this.#dir.length + 1)
      const ran = assertionResults.filter(test => test.status === 'passed' || test.status === 'failed')
      const failed = ran.filter(test => test.status === 'failed').map(({ fullName }) => fullName)
      return {
        file,
        tookMs: endTime - startTime,
        ran,
        failed: status === 'failed' && failed.length === 0 ? [file] : failed,
      }
    })
    const isTested = files.some(({ ran }) => ran.length > 0)
    return {
      verdict: verdictOf(end.code, isTested, numTotalTests),
      ran: new Map(files.map(({ file, ran }) => [file, ran.map(({ fullName }) => fullName)])),
      failed: files.flatMap(({ failed }) => failed),
      tookMs: new Map(files.map(({ file, tookMs }) => [file, tookMs])),
    }
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

/** Of a process that died, the tests are known, but not what became of them. */
function verdictOf(code: number, someRan: boolean, tests: number): Verdict {
  if (someRan) return code === 0 ? 'green' : 'red'
  return code !== 0 && tests > 0 ? 'died' : 'untested'
}
