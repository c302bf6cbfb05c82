import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const running = new Set<EngineProcess>()
// Also those of tests that failed half-way.
process.once('exit', () => {
  for (const engine of running) engine.abandon()
})

/** An engine of a test's own: a process that can be killed, stopped and started again, on a port and in a directory. */
export class EngineProcess {
  readonly port: number
  /** What it remembers is in here. */
  readonly dir: string
  #process: ChildProcess | undefined

  /** @param port - a free one, see {@link freePort}. */
  constructor(name: string, port: number) {
    this.port = port
    this.dir = mkdtempSync(join(tmpdir(), `tautline-${name}-`))
    running.add(this)
  }

  /** Starts it (again). */
  protected spawn(path: string, args: readonly string[]): void {
    this.#process = spawn(path, args, { stdio: 'ignore' })
  }

  /** SIGKILL, and it is gone. */
  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  /** It neither answers nor ends, or goes on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(signal)
  }

  /** Ends it and removes what it wrote. */
  async end(): Promise<void> {
    await this.kill()
    this.abandon()
  }

  /** The same without waiting. */
  abandon(): void {
    running.delete(this)
    this.#process?.kill('SIGKILL')
    rmSync(this.dir, { recursive: true, force: true })
  }
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
