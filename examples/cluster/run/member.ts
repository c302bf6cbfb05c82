import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** A server that was killed is started again after so many ms: long enough to see how the others do without it. */
const REBIRTH_MS = 5_000

/** What a visitor may do to a server. */
export interface Order {
  readonly server: string
  readonly how: 'kill' | 'restart'
}

type ToRunner = { readonly port: number } | Order

/** One of the servers: a process that may die, and is replaced. */
export class Member {
  readonly name: string
  /** Where it listens; `undefined` while clients must not be sent there. */
  port: number | undefined
  readonly #env: NodeJS.ProcessEnv
  readonly #ordered: (order: Order) => void
  #child: ChildProcess | undefined
  #rebirth: NodeJS.Timeout | undefined
  #over = false

  constructor(name: string, redisUrl: string, ordered: (order: Order) => void) {
    this.name = name
    this.#ordered = ordered
    this.#env = { ...process.env, SERVER: name, REDIS_URL: redisUrl, PORT: '0' }
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const child = fork(new URL('../server.ts', import.meta.url), { env: this.#env })
    this.#child = child
    child.once('exit', () => this.#died(child))
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error(`server ${this.name} did not start`)))
      child.on('message', (message: ToRunner) => {
        if ('how' in message) return this.#ordered(message)
        this.port = message.port
        resolve()
      })
    })
  }

  /** In the middle of whatever it does. Nobody tells the balancer. */
  kill(): void {
    this.#child?.kill('SIGKILL')
  }

  /** Nobody new is sent there, everybody there moves on, and only then it ends. Another one takes its place. */
  async restart(): Promise<void> {
    const child = this.#child
    if (!child || this.port === undefined) return
    await this.#leave(child)
    this.#startAgain(0)
  }

  /** The same, for good. */
  async close(): Promise<void> {
    this.#over = true
    clearTimeout(this.#rebirth)
    if (this.#child) await this.#leave(this.#child)
  }

  async #leave(child: ChildProcess): Promise<void> {
    this.#child = undefined
    this.port = undefined
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGTERM')
    await once(child, 'exit')
  }

  /** Whoever was told to go is not born again. */
  #died(child: ChildProcess): void {
    if (this.#child !== child) return
    this.#child = undefined
    this.port = undefined
    this.#startAgain(REBIRTH_MS)
  }

  /** One that does not come up has died, and is tried again for that. */
  #startAgain(ms: number): void {
    if (!this.#over) this.#rebirth = setTimeout(() => this.start().catch(() => undefined), ms)
  }
}
