import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Client } from './load/client.ts'
import type { To, Usage } from './servers/host.ts'
import type { Subject } from './subjects.ts'

/** How long a server may take to start, to answer, or to let somebody in, in ms. */
const PATIENCE_MS = 20_000

/** A server at work, in a process of its own. */
export class Running {
  readonly port: number
  readonly #subject: Subject
  readonly #process: ChildProcess
  readonly #asked = new Map<number, (usage: Usage) => void>()
  readonly #clients = new Set<Client>()
  #id = 0

  private constructor(subject: Subject, child: ChildProcess, port: number) {
    this.#subject = subject
    this.#process = child
    this.port = port
    child.on('message', (answer: { id: number; usage: Usage }) => {
      this.#asked.get(answer.id)?.(answer.usage)
      this.#asked.delete(answer.id)
    })
  }

  /** Starts a server and waits until it listens. */
  static async start(subject: Subject, env: Readonly<Record<string, string>> = {}): Promise<Running> {
    const child = fork(fileURLToPath(new URL(`./servers/${subject.server}.js`, import.meta.url)), {
      execArgv: ['--expose-gc'],
      env: { ...process.env, NODE_ENV: 'production', ...subject.env, ...env },
    })
    const [{ port }] = await within(once(child, 'message') as Promise<[{ port: number }]>, `${subject.name} starts`)
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

  /** Publishes so many messages in one tick. */
  publish(times: number, to?: To): Promise<Usage> {
    return this.#ask({ do: 'publish', times, to })
  }

  async connect(): Promise<Client> {
    const client = this.#subject.connect(`ws://127.0.0.1:${this.port}`)
    this.#clients.add(client)
    client.onClose = () => this.#clients.delete(client)
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

  #ask(ask: object): Promise<Usage> {
    this.#id += 1
    const id = this.#id
    const answer = new Promise<Usage>(resolve => this.#asked.set(id, resolve))
    this.#process.send({ ...ask, id })
    return within(answer, `${this.#subject.name} answers`)
  }
}

/** Rejects when a promise takes too long. */
export function within<T>(promise: Promise<T>, what: string, ms = PATIENCE_MS): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited ${ms} ms in vain: ${what}`)), ms)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
