import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Client } from './load/client.ts'
import { CLIENTS } from './load/clients.ts'
import type { Flood, To, Usage } from './servers/host.ts'
import type { Subject } from './subjects.ts'

/** How long a server may take to start, to answer, or to let somebody in, in ms. */
const PATIENCE_MS = 60_000

/** A server at work, in a process of its own. */
export class Running {
  readonly port: number
  /** Rejects when the server ends, or a client is cut off or hears what it does not understand. Never resolves. */
  readonly failure: Promise<never>
  readonly #subject: Subject
  readonly #process: ChildProcess
  readonly #asked = new Map<number, (usage: Usage) => void>()
  readonly #clients = new Set<Client>()
  #fail: (error: Error) => void = () => undefined
  #id = 0

  private constructor(subject: Subject, child: ChildProcess, port: number) {
    this.#subject = subject
    this.#process = child
    this.port = port
    this.failure = new Promise((_, reject) => {
      this.#fail = reject
    })
    this.failure.catch(() => undefined)
    child.on('message', (answer: { id: number; usage: Usage }) => {
      this.#asked.get(answer.id)?.(answer.usage)
      this.#asked.delete(answer.id)
    })
    child.on('error', this.#fail)
    child.on('exit', (code, signal) => this.#fail(new Error(`the server ended with ${signal ?? code}`)))
  }

  /** Starts a server and waits until it listens. */
  static async start(subject: Subject, env: Readonly<Record<string, string>> = {}): Promise<Running> {
    const child = forkModule(`servers/${subject.server}`, { NODE_ENV: 'production', ...subject.env, ...env })
    const { port } = await firstMessage<{ port: number }>(child, `${subject.name} starts`)
    return new Running(subject, child, port)
  }

  /** CPU and memory so far. */
  usage(): Promise<Usage> {
    return this.#ask({ do: 'usage' })
  }

  /** Memory in use, in bytes, once garbage is collected. */
  async memory(): Promise<number> {
    await this.#ask({ do: 'settle' })
    return (await this.#ask({ do: 'settle' })).rss
  }

  /** Has the server hold as much as an application does. */
  async fill(): Promise<void> {
    await this.#ask({ do: 'fill' })
    await this.#ask({ do: 'settle' })
  }

  /** Has the server use memory and give it back, as one that has been at work has. */
  async churn(): Promise<void> {
    await this.#ask({ do: 'churn' })
  }

  /** Publishes so many messages in one tick. */
  publish(times: number, to?: To): Promise<Usage> {
    return this.#ask({ do: 'publish', times, to })
  }

  /** Publishes at a steady rate, and answers when it has done so. */
  flood(flood: Flood): Promise<Usage> {
    return this.#ask({ do: 'flood', flood }, PATIENCE_MS + flood.ms)
  }

  async connect(): Promise<Client> {
    const client = new CLIENTS[this.#subject.client](`ws://127.0.0.1:${this.port}`)
    this.#clients.add(client)
    client.onClose = () => this.#clients.delete(client)
    client.onFailure = this.#fail
    await within(client.ready, `${this.#subject.name} lets a client in`)
    return client
  }

  /** So many clients, a few at a time: more than that are strangers at the door. */
  async connectAll(count: number): Promise<Client[]> {
    const clients: Client[] = []
    while (clients.length < count) {
      const some = Array.from({ length: Math.min(32, count - clients.length) }, () => this.connect())
      clients.push(...(await Promise.all(some)))
    }
    return clients
  }

  /** Closes all clients. */
  disconnect(): void {
    for (const client of this.#clients) client.close()
    this.#clients.clear()
  }

  /** Ends the process as a crash would. */
  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const gone = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await gone
  }

  /** Ends everything. The server first: whoever closes a connection first keeps its port for a minute. */
  async end(): Promise<void> {
    await this.kill()
    this.disconnect()
  }

  #ask(ask: object, ms?: number): Promise<Usage> {
    this.#id += 1
    const id = this.#id
    const answer = new Promise<Usage>((resolve, reject) => {
      this.#asked.set(id, resolve)
      this.#process.send({ ...ask, id }, error => error && reject(error))
    })
    return within(answer, `${this.#subject.name} answers`, ms)
  }
}

/**
 * Starts a module of the bench in a process of its own that can be talked to: what is built, in plain Node; or the
 * source, where the bench itself runs from source.
 *
 * @param module - its path within the bench, without extension.
 */
export function forkModule(module: string, env: Readonly<Record<string, string>> = {}): ChildProcess {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const source = ['--import', 'tsx', '--conditions=@tautline/source']
  return fork(fileURLToPath(new URL(`./${module}.${extension}`, import.meta.url)), {
    execArgv: ['--expose-gc', ...(extension === 'ts' ? source : [])],
    env: { ...process.env, ...env },
  })
}

/** The first thing that a process says; it is ended when it does not. */
export async function firstMessage<T>(child: ChildProcess, what: string): Promise<T> {
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`ended with ${signal ?? code} before it was there: ${what}`)
  })
  try {
    const [message] = await within(Promise.race([once(child, 'message'), ended]), what)
    return message as T
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}

/** Rejects when a promise takes too long. */
export function within<T>(promise: Promise<T>, what: string, ms = PATIENCE_MS): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited ${ms} ms in vain: ${what}`)), ms)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
