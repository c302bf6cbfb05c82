import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { EngineName } from './engines.ts'
import { pause } from './measure/calls.ts'

/** How long an engine may take to listen, in ms. */
const PATIENCE_MS = 20_000

/** What an engine has done so far. */
export interface EngineUsage {
  /** CPU in µs. */
  readonly cpu: number
  /** Bytes from and to all nodes. */
  readonly bytes: number
}

/** Where nodes come to, and where one may ask for figures, if that is elsewhere. */
interface Ports {
  readonly port: number
  readonly monitor: number
}

/** How an engine is started and asked: all that a further one needs. */
interface Kind {
  readonly command: (ports: Ports, dir: string) => readonly [string, readonly string[]]
  /** Resolves when the engine listens, with how to ask for the bytes so far. */
  readonly meet: (ports: Ports) => Promise<{ bytes(): Promise<number>; leave(): void }>
}

const KINDS: Readonly<Record<EngineName, Kind>> = {
  redis: {
    command: ({ port }, dir) => [
      'redis-server',
      ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--save', ''],
    ],
    async meet({ port }) {
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
  nats: {
    command: ({ port, monitor }, dir) => [
      'nats-server',
      ['-a', '127.0.0.1', '-p', `${port}`, '-m', `${monitor}`, '-js', '-sd', dir],
    ],
    async meet({ monitor }) {
      const figures = async () => (await fetch(`http://127.0.0.1:${monitor}/varz`)).json() as Promise<NatsFigures>
      const end = performance.now() + PATIENCE_MS
      while (!(await figures().catch(() => undefined))) {
        if (performance.now() > end) throw new Error('nats-server does not answer')
        await pause(20)
      }
      return {
        async bytes() {
          const { in_bytes, out_bytes } = await figures()
          return in_bytes + out_bytes
        },
        leave: () => undefined,
      }
    },
  },
}

interface NatsFigures {
  readonly in_bytes: number
  readonly out_bytes: number
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
    const ports = { port: await freePort(), monitor: await freePort() }
    const dir = mkdtempSync(join(tmpdir(), 'tautline-bench-'))
    const { command, meet } = KINDS[name]
    const child = spawn(...command(ports, dir), { stdio: 'ignore' })
    return new Engine(ports.port, child, dir, await meet(ports))
  }

  async usage(): Promise<EngineUsage> {
    const tasks = `/proc/${this.#process.pid}/task`
    // In ns, where the time of a process is only told in ticks of 10 ms.
    const times = readdirSync(tasks).map(task =>
      Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]),
    )
    return { cpu: times.reduce((sum, ns) => sum + ns, 0) / 1_000, bytes: await this.#admin.bytes() }
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
