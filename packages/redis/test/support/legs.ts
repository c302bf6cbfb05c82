import { Redis, type RedisOptions } from 'ioredis'
import { Chaos } from '../../../../test/support/chaos.ts'
import type { RedisServer } from './redis-server.ts'

/** A client whose broker reaches the engine by a proxy for each of its two connections. */
export class Legs {
  readonly commands: Chaos
  readonly feeds: Chaos
  readonly client: Redis
  /** While `true`, nothing of what the engine tells is heard, and nothing else shows it. */
  deaf = false

  private constructor(commands: Chaos, feeds: Chaos) {
    this.commands = commands
    this.feeds = feeds
    this.client = new Redis({ port: commands.port, host: '127.0.0.1', lazyConnect: true })
    // A broker dials for its commands first.
    const ports = [commands.port, feeds.port]
    this.client.duplicate = (override?: object) => {
      const options: object = { ...this.client.options, ...override, port: ports.shift() ?? feeds.port }
      return this.#overhear(new Redis({ ...(options as RedisOptions), replyMapping: 'legacy' }))
    }
  }

  static async to(engine: RedisServer, seed = 1): Promise<Legs> {
    return new Legs(await Chaos.open(() => engine.port, seed), await Chaos.open(() => engine.port, seed))
  }

  #overhear(connection: Redis): Redis {
    const emit = connection.emit.bind(connection)
    connection.emit = (event, ...args) =>
      !(this.deaf && /^s?messageBuffer$/.test(String(event))) && emit(event, ...args)
    return connection
  }

  async end(): Promise<void> {
    await Promise.all([this.commands.close(), this.feeds.close()])
  }
}
