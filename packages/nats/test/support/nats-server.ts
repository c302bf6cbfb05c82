import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, connect as dial } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node'
import { requireTool } from '../../../../test/support/requires.ts'

/** What runs only where there is a NATS. */
export const tool = requireTool('nats')

/** A NATS of the test's own, on a free port, in a directory that goes with it. */
export class NatsServer {
  readonly port: number
  /** What it remembers is in here. */
  readonly dir: string
  /** Where it is asked about itself, over HTTP. */
  readonly #monitor: number
  readonly #config: readonly string[]
  #process: ChildProcess | undefined
  #admin: NatsConnection | undefined

  private constructor(port: number, monitor: number, dir: string, config: readonly string[]) {
    this.port = port
    this.#monitor = monitor
    this.dir = dir
    this.#config = config
  }

  /** @param config - command line of `nats-server`. */
  static async start(config: readonly string[] = ['-js']): Promise<NatsServer> {
    const dir = await mkdtemp(join(tmpdir(), 'tautline-nats-'))
    const server = new NatsServer(await freePort(), await freePort(), dir, config)
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
    this.#process = spawn(tool.path, [...own, ...this.#config], { stdio: 'ignore' })
    while (!(await answers(this.port))) await new Promise(resolve => setTimeout(resolve, 10))
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
    await this.#admin?.close()
    await this.kill()
    await rm(this.dir, { recursive: true, force: true })
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

async function freePort(): Promise<number> {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
