import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ServerLimits, Stats } from '@tautline/server'

/** What the server says about itself, after a garbage collection. */
export interface FortReport {
  readonly stats: Stats
  /** What should never happen: unhandled rejections, uncaught exceptions, process warnings, incidents. */
  readonly faults: readonly string[]
  readonly memory: { readonly rss: number; readonly heapUsed: number; readonly arrayBuffers: number }
  /** Processor time so far. */
  readonly cpuMs: number
}

/** What an honest client saw since it was last asked, in ms. */
export interface Testimony {
  readonly calls: number
  readonly median: number
  readonly p99: number
  readonly troubles: readonly string[]
}

/** A server in a process of its own with a heap of 256 MiB, and an honest client in another. */
export class Fort {
  readonly port: number
  readonly #server: ChildProcess
  readonly #witness: ChildProcess
  #answered: Promise<unknown> = Promise.resolve()

  private constructor(port: number, server: ChildProcess, witness: ChildProcess) {
    this.port = port
    this.#server = server
    this.#witness = witness
  }

  static async start(
    options: { readonly limits?: Partial<ServerLimits>; readonly compression?: boolean } = {},
  ): Promise<Fort> {
    const server = child('fort-child.ts', [JSON.stringify(options)], ['--max-old-space-size=256', '--expose-gc'])
    const { port } = await heard<{ port: number }>(server)
    const witness = child('witness-child.ts', [`ws://127.0.0.1:${port}/live`])
    await heard(witness)
    return new Fort(port, server, witness)
  }

  /** Whether the server's process is alive. */
  get stands(): boolean {
    return this.#server.exitCode === null && this.#server.signalCode === null
  }

  report(): Promise<FortReport> {
    return this.#ask<FortReport>(this.#server)
  }

  /** What the server is doing, without a garbage collection. */
  stats(): Promise<Stats> {
    return this.#ask<Stats>(this.#server, 'stats')
  }

  async testimony(): Promise<Testimony> {
    const { times, troubles } = await this.#ask<{ times: number[]; troubles: string[] }>(this.#witness)
    times.sort((a, b) => a - b)
    const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN
    return { calls: times.length, median: at(0.5), p99: at(0.99), troubles }
  }

  /** Waits until the honest client is the only one left; says what the server looks like then. */
  async calm(withinMs: number): Promise<FortReport> {
    const end = performance.now() + withinMs
    for (;;) {
      const report = await this.report()
      const { attached, detached, unauthenticated } = report.stats.sessions
      if (attached + detached + unauthenticated === 1) return report
      if (performance.now() > end) throw new Error(`still there: ${JSON.stringify(report.stats.sessions)}`)
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }

  async end(): Promise<void> {
    for (const process of [this.#witness, this.#server]) {
      if (process.exitCode !== null || process.signalCode !== null) continue
      const gone = once(process, 'exit')
      process.send('end')
      const impatience = setTimeout(() => process.kill('SIGKILL'), 5_000)
      await gone
      clearTimeout(impatience)
    }
  }

  /** One question after the other, so that each gets its own answer. */
  #ask<Answer>(process: ChildProcess, question = '?'): Promise<Answer> {
    const answer = this.#answered.then(() => {
      const soon = heard<Answer>(process)
      process.send(question)
      return soon
    })
    this.#answered = answer.catch(() => undefined)
    return answer
  }
}

function child(file: string, args: readonly string[], flags: readonly string[] = []): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const execArgv = [...flags, '--conditions=@tautline/source', '--import', 'tsx']
  return fork(path, args, { execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
}

function heard<Message>(process: ChildProcess): Promise<Message> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null, signal: string | null) => reject(new Error(`it is gone: ${signal ?? code}`))
    process.once('exit', onExit)
    process.once('message', message => {
      process.off('exit', onExit)
      resolve(message as Message)
    })
  })
}
