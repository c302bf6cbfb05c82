import { connect as dial } from 'node:net'
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node'
import { EngineProcess, freePort } from '../../../../test/support/engine-process.ts'
import { requireTool } from '../../../../test/support/requires.ts'

/** What runs only where there is a NATS. */
export const tool = requireTool('nats')

/** A NATS of the test's own, on a free port, in a directory that goes with it. */
export class NatsServer extends EngineProcess {
  /** Where it is asked about itself, over HTTP. */
  readonly #monitor: number
  readonly #config: readonly string[]
  #admin: NatsConnection | undefined

  private constructor(port: number, monitor: number, config: readonly string[]) {
    super('nats', port)
    this.#monitor = monitor
    this.#config = config
  }

  /** @param config - command line of `nats-server`. */
  static async start(config: readonly string[] = ['-js']): Promise<NatsServer> {
    const server = new NatsServer(await freePort(), await freePort(), config)
    await server.go()
    return server
  }

  /** What an application would give to a broker. */
  get client(): NodeConnectionOptions {
    return { servers: `127.0.0.1:${this.port}` }
  }

  /** For what a test does to the engine behind everybody's back. */
  async admin(): Promise<{ connection: NatsConnection; streams: JetStreamManager }> {
    this.#admin ??= await connect({ ...this.client, maxReconnectAttempts: -1, reconnectTimeWait: 20 })
    return { connection: this.#admin, streams: await jetstreamManager(this.#admin, { checkAPI: false }) }
  }

  /** What is subscribed to on each connection. */
  async subscriptions(): Promise<string[][]> {
    const response = await fetch(`http://127.0.0.1:${this.#monitor}/connz?subs=1`)
    const { connections } = (await response.json()) as { connections: { subscriptions_list?: string[] }[] }
    return connections.map(connection => connection.subscriptions_list ?? [])
  }

  /** Starts it (again), and waits until it takes connections. */
  async go(): Promise<void> {
    const own = ['-a', '127.0.0.1', '-p', String(this.port), '-m', String(this.#monitor), '-sd', this.dir]
    this.spawn(tool.path, [...own, ...this.#config])
    while (!(await answers(this.port))) await new Promise(resolve => setTimeout(resolve, 10))
  }

  /** Ends it and removes what it wrote. */
  override async end(): Promise<void> {
    await this.#admin?.close()
    await super.end()
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = dial({ port, host: '127.0.0.1' })
    socket.once('data', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
