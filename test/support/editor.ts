import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What TypeScript says against a piece of code. */
export interface Complaint {
  /** Where it is underlined, in UTF-16 units from the start. */
  readonly position: number
  /** The source text that is underlined. */
  readonly at: string
  /** The message, line by line as an editor shows it. */
  readonly lines: readonly string[]
}

/** An editor with one unsaved file open in `test/types`, on the repository's own compiler options. */
export class Editor {
  readonly #file = `${root}test/types/unsaved.ts`
  readonly #service: ts.LanguageService
  #text = ''
  #version = 0

  constructor() {
    const { options } = ts.parseJsonConfigFileContent(
      ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile).config,
      { ...ts.sys, readDirectory: () => [] },
      root,
    )
    this.#service = ts.createLanguageService({
      getCompilationSettings: () => options,
      getCurrentDirectory: () => root,
      getDefaultLibFileName: ts.getDefaultLibFilePath,
      getScriptFileNames: () => [this.#file],
      getScriptVersion: file => (file === this.#file ? String(this.#version) : '1'),
      getScriptSnapshot: file => {
        if (file === this.#file) return ts.ScriptSnapshot.fromString(this.#text)
        return ts.sys.fileExists(file) ? ts.ScriptSnapshot.fromString(readFileSync(file, 'utf8')) : undefined
      },
      fileExists: file => file === this.#file || ts.sys.fileExists(file),
      readFile: ts.sys.readFile,
      directoryExists: ts.sys.directoryExists,
      getDirectories: ts.sys.getDirectories,
      realpath: path => ts.sys.realpath?.(path) ?? path,
    })
  }

  /** Replaces the text of the file. */
  write(text: string): this {
    this.#text = text
    this.#version += 1
    return this
  }

  /** Everything that is wrong with the file. */
  complaints(): readonly Complaint[] {
    const found = [
      ...this.#service.getSyntacticDiagnostics(this.#file),
      ...this.#service.getSemanticDiagnostics(this.#file),
    ]
    return found.map(({ start = 0, length = 0, messageText }) => ({
      position: start,
      at: this.#text.slice(start, start + length),
      lines: ts.flattenDiagnosticMessageText(messageText, '\n').split('\n'),
    }))
  }

  /** What an editor shows over the last name of `expression`, on one line, and its documentation. */
  hover(expression: string): { readonly type: string; readonly docs: string } {
    const info = this.#service.getQuickInfoAtPosition(this.#file, this.#positionOf(expression))
    const type = ts.displayPartsToString(info?.displayParts).replace(/\s+/g, ' ')
    return { type, docs: ts.displayPartsToString(info?.documentation) }
  }

  /** The lines of other files to which go-to-definition leads from the last name of `expression`. */
  definition(expression: string): readonly string[] {
    const places = this.#service.getDefinitionAtPosition(this.#file, this.#positionOf(expression)) ?? []
    return places.map(({ fileName, textSpan }) => this.#lineAt(fileName, textSpan.start))
  }

  /** The lines that renaming the last name of `expression` would change. */
  rename(expression: string): readonly string[] {
    const at = this.#positionOf(expression)
    const places = this.#service.findRenameLocations(this.#file, at, false, false, {}) ?? []
    return places.map(({ fileName, textSpan }) => this.#lineAt(fileName, textSpan.start))
  }

  close(): void {
    this.#service.dispose()
  }

  #positionOf(expression: string): number {
    const at = this.#text.indexOf(expression)
    if (at < 0) throw new Error(`the file does not hold ${expression}`)
    return at + expression.length - 1
  }

  #lineAt(file: string, position: number): string {
    const text = file === this.#file ? this.#text : readFileSync(file, 'utf8')
    const start = text.lastIndexOf('\n', position - 1) + 1
    const line = text.slice(start, `${text}\n`.indexOf('\n', position)).trim()
    return `${file.slice(file.lastIndexOf('/') + 1)}: ${line}`
  }
}
