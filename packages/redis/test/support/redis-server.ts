import { setTimeout as pass } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { EngineProcess, freePort } from '../../../../test/support/engine-process.ts'
import { requireTool } from '../../../../test/support/requires.ts'

/** What runs only where there is a Redis. */
export const tool = requireTool('redis')

/** A Redis of the test's own, on a free port, in a directory that goes with it. */
export class RedisServer extends EngineProcess {
  readonly #config: readonly string[]
  #admin: Redis | undefined

  private constructor(port: number, config: readonly string[]) {
    super('redis', port)
    this.#config = config
  }

  /** @param config - command line of `redis-server`, such as `['--appendonly', 'yes']`. */
  static async start(config: readonly string[] = []): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), config)
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
    this.spawn(tool.path, [...own, ...this.#config])
    await this.admin.ping()
  }

  /** Becomes a replica, and has what its master has. */
  async follow(master: RedisServer): Promise<void> {
    await master.admin.config('SET', 'repl-diskless-sync-delay', 0)
    await this.admin.replicaof('127.0.0.1', master.port)
    await this.follows(master)
  }

  /** Waits until it is a replica that has what its master has, and both know: the master learns of it a little later. */
  async follows(master: RedisServer): Promise<void> {
    for (;;) {
      const info = await this.admin.info('replication')
      const known = await master.admin.info('replication')
      const isUp = info.includes(`master_port:${master.port}`) && info.includes('master_link_status:up')
      if (isUp && known.includes(`port=${this.port},state=online`)) return
      await pass(20)
    }
  }

  /** Waits until it takes a write to a key again, asked by hand. */
  async takes(key: string): Promise<void> {
    for (;;) {
      try {
        await this.admin.set(key, '')
        return
      } catch {
        await pass(5)
      }
    }
  }

  /** Ends it and removes what it wrote. */
  override async end(): Promise<void> {
    this.#admin?.disconnect()
    await super.end()
  }
}

function ignore(): void {}
