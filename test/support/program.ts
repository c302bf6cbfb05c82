import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import type { Readable } from 'node:stream'
import { root } from './pages.ts'

/** A TypeScript file that runs in a process of its own, from sources. */
export class Program {
  readonly #process: ChildProcessByStdio<null, Readable, Readable>
  readonly #news = new EventEmitter()
  #output = ''

  /** @param args - the file, and its arguments. */
  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const node = ['--conditions=@tautline/source', '--import', 'tsx', ...args]
    const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe']
    this.#process = spawn(process.execPath, node, { cwd: root, env: { ...process.env, ...env }, stdio })
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text
        this.#news.emit('news')
      })
    }
    this.#process.once('exit', () => this.#news.emit('news'))
  }

  /** Waits until what it prints matches, and returns the match. */
  async prints(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.#output)?.[0]
      if (found !== undefined) return found
      if (this.#over) throw new Error(`it ended without a word of ${pattern}:\n${this.#output}`)
      await once(this.#news, 'news')
    }
  }

  /** Asks it to stop; resolves with its exit code, or the signal that it took. */
  async stop(): Promise<number | NodeJS.Signals | null> {
    this.#process.kill('SIGTERM')
    return this.ends()
  }

  /** Waits until it has ended by itself; resolves with its exit code, or the signal that it took. */
  async ends(): Promise<number | NodeJS.Signals | null> {
    await this.#exit()
    return this.#process.exitCode ?? this.#process.signalCode
  }

  /** Ends it, whatever it is doing. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#exit()
  }

  get #over(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null
  }

  async #exit(): Promise<void> {
    if (!this.#over) await once(this.#process, 'exit')
  }
}
