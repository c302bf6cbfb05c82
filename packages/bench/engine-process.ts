import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { EngineName } from './engines.ts'

/** Ticks of a process's CPU time are so many µs long. */
const TICK_US = 10_000

/** What an engine has done so far. */
export interface EngineUsage {
  /** CPU in µs. */
  readonly cpu: number
  /** Bytes from and to all nodes. */
  readonly bytes: number
}

/** How an engine is started and asked: all that a further one needs. */
interface Kind {
  readonly command: (port: number, dir: string) => readonly [string, readonly string[]]
  /** Resolves when the engine listens, with how to ask for the bytes so far. */
  readonly meet: (port: number) => Promise<{ bytes(): Promise<number>; leave(): void }>
}

const KINDS: Readonly<Record<EngineName, Kind>> = {
  redis: {
    command: (port, dir) => ['redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--save', '']],
    async meet(port) {
      const admin = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 20, maxRetriesPerRequest: null })
      admin.on('error', () => undefined)
      await admin.ping()
      return {
        async bytes() {
          const info = await admin.info('stats')
          const [input, output] = ['input', 'output'].map(way => new RegExp(`total_net_${way}_bytes:(\\d+)`).exec(info))
          return Number(input?.[1]) + Number(output?.[1])
        },
        leave: () => admin.disconnect(),
      }
    },
  },
}

/** An engine of the bench's own, with its defaults, that keeps nothing on disk. */
export class Engine {
  readonly port: number
  readonly #process: ChildProcess
  readonly #dir: string
  readonly #admin: Awaited<ReturnType<Kind['meet']>>

  private constructor(port: number, child: ChildProcess, dir: string, admin: Awaited<ReturnType<Kind['meet']>>) {
    this.port = port
    this.#process = child
    this.#dir = dir
    this.#admin = admin
  }

  static async start(name: EngineName): Promise<Engine> {
    const port = await freePort()
    const dir = mkdtempSync(join(tmpdir(), 'tautline-bench-'))
    const { command, meet } = KINDS[name]
    const child = spawn(...command(port, dir), { stdio: 'ignore' })
    return new Engine(port, child, dir, await meet(port))
  }

  async usage(): Promise<EngineUsage> {
    const stat = readFileSync(`/proc/${this.#process.pid}/stat`, 'utf8')
    // The name of the program, which may have spaces, ends with the last parenthesis.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { cpu: (Number(fields[11]) + Number(fields[12])) * TICK_US, bytes: await this.#admin.bytes() }
  }

  async end(): Promise<void> {
    this.#admin.leave()
    const gone = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await gone
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
