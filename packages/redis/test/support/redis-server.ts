import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { requireTool } from '../../../../test/support/requires.ts'

/** What runs only where there is a Redis. */
export const tool = requireTool('redis')

/** A Redis of the test's own, on a free port, in a directory that goes with it. */
export class RedisServer {
  readonly port: number
  /** What it remembers is in here. */
  readonly dir: string
  readonly #config: readonly string[]
  #process: ChildProcess | undefined
  #admin: Redis | undefined

  private constructor(port: number, dir: string, config: readonly string[]) {
    this.port = port
    this.dir = dir
    this.#config = config
  }

  /** @param config - command line of `redis-server`, such as `['--appendonly', 'yes']`. */
  static async start(config: readonly string[] = []): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), await mkdtemp(join(tmpdir(), 'tautline-redis-')), config)
    await server.go()
    return server
  }

  /** A client as an application would make it, with the defaults of `ioredis`. */
  client(port = this.port): Redis {
    return new Redis({ port, host: '127.0.0.1', lazyConnect: true })
  }

  /** For what a test does to the engine behind everybody's back. */
  get admin(): Redis {
    this.#admin ??= new Redis({
      port: this.port,
      host: '127.0.0.1',
      retryStrategy: () => 20,
      maxRetriesPerRequest: null,
    }).on('error', ignore)
    return this.#admin
  }

  /** Starts it (again). */
  async go(): Promise<void> {
    const own = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.dir, '--save', '']
    this.#process = spawn(tool.path, [...own, ...this.#config], { stdio: 'ignore' })
    await this.admin.ping()
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
    this.#admin?.disconnect()
    await this.kill()
    await rm(this.dir, { recursive: true, force: true })
  }
}

function ignore(): void {}

async function freePort(): Promise<number> {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
