import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { root } from './pages.ts'

/** The TypeScript blocks of a page that name the same file, together. */
export interface Snippet {
  readonly page: string
  /** Absolute path of the file written for it; its line numbers are those of the page. */
  readonly path: string
  readonly code: string
  /** Whether the page promises that it runs. */
  readonly runs: boolean
}

/** A block opens with three backticks and `ts`, or, where readers shall not see it, with `<!--ts`. */
const opening = /^(?:```|<!--)ts(?= |$)(.*)$/
const closing = /^(?:```|-->)$/

/**
 * Finds the snippets of a page. Blocks of one page share a directory, so that one can import another:
 * `file=contract.ts` after `ts` names a block's file, a later block of that name continues it, `run` has the file run.
 */
export function snippetsOf(page: string, text = readFileSync(join(root, page), 'utf8')): Snippet[] {
  const lines = text.split('\n')
  const files = new Map<string, { code: string[]; runs: boolean }>()

  for (let at = 0; at < lines.length; at++) {
    const info = opening.exec(lines[at] ?? '')?.[1]
    if (info === undefined) continue
    const name = /\bfile=(\S+)/.exec(info)?.[1] ?? `line-${at + 1}.ts`
    const file = files.get(name) ?? { code: [], runs: false }
    files.set(name, { code: file.code, runs: file.runs || /\brun\b/.test(info) })
    while (++at < lines.length && !closing.test(lines[at] ?? '')) file.code[at] = lines[at] ?? ''
  }

  const home = join(root, 'test-results', 'snippets', page.replaceAll('/', '-').replace(/\.md$/, ''))
  return [...files].map(([name, { code, runs }]) => ({ page, path: join(home, name), code: toText(code), runs }))
}

/** Joins lines that sit at their index in the page; the holes between the blocks become empty lines. */
function toText(lines: readonly string[]): string {
  return `${Array.from(lines, line => line ?? '').join('\n')}\n`
}

/** Writes the snippets' files afresh. */
export function writeSnippets(snippets: readonly Snippet[]): void {
  for (const { path } of snippets) rmSync(dirname(path), { recursive: true, force: true })
  for (const { path, code } of snippets) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, code)
  }
}

/**
 * Type-checks all snippets in one program; answers `page:line message`, one for each mistake. Modules are found as
 * applications find them, whose tools bundle: some packages (Next) have no types for anybody else.
 */
export function mistakesIn(snippets: readonly Snippet[]): string[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const paths = snippets.map(snippet => snippet.path)
  const program = ts.createProgram(paths, {
    ...options,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  })

  return snippets.flatMap(({ page, path }) => {
    const file = program.getSourceFile(path)
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(mistake => {
      const line = (file?.getLineAndCharacterOfPosition(mistake.start ?? 0).line ?? 0) + 1
      return `${page}:${line} ${ts.flattenDiagnosticMessageText(mistake.messageText, '\n')}`
    })
  })
}
