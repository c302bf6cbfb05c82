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

  /** Ends it and removes what it wrote. */
  override async end(): Promise<void> {
    this.#admin?.disconnect()
    await super.end()
  }
}

function ignore(): void {}
