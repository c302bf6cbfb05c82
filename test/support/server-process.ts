import type { ChildProcess } from 'node:child_process'
import type { Broker, ServerLimits, Stats } from '@tautline/server'
import type { EngineAddress } from './engines.ts'
import { type Channel, lendBroker } from './remote-broker.ts'
import { forkScript, gone, heard, isRunning } from './script.ts'
import type { Speech } from './speaker.ts'

/** How long a server may take to begin, and to be gone once it has nothing left to do, in ms. */
const BEGIN_MS = 30_000
const GONE_MS = 20_000

export interface ServerProcessOptions {
  /** The file of a `Ledger`, into which every execution is written before it has any effect. */
  readonly ledger: string
  /** Any free one unless told otherwise. */
  readonly port?: number | undefined
  readonly limits?: Partial<ServerLimits> | undefined
  /** A memory that outlives the process; one of its own unless told otherwise. */
  readonly broker?: Broker | undefined
  /** An engine to have a broker on instead. */
  readonly engine?: EngineAddress | undefined
}

/** What a server process is told. */
export type ToServer =
  | { readonly stats: true }
  | { readonly forget: string }
  | { readonly tokenMs: number | null }
  | { readonly speak: Speech }
  | { readonly hush: true }

/** What it tells. */
export type ToParent =
  | { readonly port: number }
  | { readonly stats: Stats; readonly heapBytes: number }
  | { readonly hushed: true }
  | { readonly problem: string }

/** A server of the arena in a process of its own, which is really killed, really stopped and really told to leave. */
export class ServerProcess {
  readonly port: number
  readonly #child: ChildProcess
  readonly #problems: string[]
  readonly #takeBack: () => void

  private constructor(child: ChildProcess, port: number, problems: string[], takeBack: () => void) {
    this.port = port
    this.#child = child
    this.#problems = problems
    this.#takeBack = takeBack
  }

  static async start({ broker, ...options }: ServerProcessOptions): Promise<ServerProcess> {
    const child = await forkScript('server-child', { ...options, lent: broker !== undefined })
    const problems: string[] = []
    child.stderr?.on('data', text => problems.push(`a server wrote: ${text}`))
    child.on('error', error => problems.push(String(error)))
    child.on('message', (message: ToParent) => {
      if ('problem' in message) problems.push(message.problem)
    })
    const takeBack = broker ? lendBroker(broker, channelTo(child)) : () => undefined
    const { port } = await heard(
      child,
      (message: ToParent) => ('port' in message ? message : undefined),
      BEGIN_MS,
    ).catch(error => {
      child.kill('SIGKILL')
      throw new Error(`no server began: ${problems.join('\n')}`, { cause: error })
    })
    return new ServerProcess(child, port, problems, takeBack)
  }

  /** What user code threw, or anybody wrote to stderr. */
  get problems(): readonly string[] {
    return this.#problems
  }

  get running(): boolean {
    return isRunning(this.#child)
  }

  /** The process is gone in the middle of whatever it does. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#gone()
  }

  /** The process neither runs nor ends; its sockets stay open. */
  stop(): void {
    this.#child.kill('SIGSTOP')
  }

  /** And goes on. */
  go(): void {
    this.#child.kill('SIGCONT')
  }

  /** The server leaves in good order. Says what was left over: a process that did not end by itself. */
  async drain(): Promise<string[]> {
    this.#child.kill('SIGTERM')
    return (await this.#gone()) ? [] : ['a server process that did not end by itself']
  }

  async stats(): Promise<{ readonly stats: Stats; readonly heapBytes: number }> {
    this.#tell({ stats: true })
    return heard(this.#child, (message: ToParent) => ('stats' in message ? message : undefined), BEGIN_MS)
  }

  /** Ends the sessions of an identity. */
  forget(identity: string): void {
    this.#tell({ forget: identity })
  }

  /** From now on tokens last so long; for good when `undefined`. */
  expire(ms: number | undefined): void {
    this.#tell({ tokenMs: ms ?? null })
  }

  /** The server itself publishes from now on. */
  speak(speech: Speech): void {
    this.#tell({ speak: speech })
  }

  /** And no longer; resolves when all of it is settled. */
  async hush(): Promise<void> {
    this.#tell({ hush: true })
    await heard(this.#child, (message: ToParent) => ('hushed' in message ? true : undefined), BEGIN_MS)
  }

  #tell(message: ToServer): void {
    if (this.#child.connected) this.#child.send(message, () => undefined)
  }

  async #gone(): Promise<boolean> {
    const byItself = await gone(this.#child, GONE_MS)
    this.#takeBack()
    return byItself
  }
}

/** A child that is gone hears nothing, and nobody minds. */
function channelTo(child: ChildProcess): Channel {
  return {
    send: message => child.connected && child.send(message, () => undefined),
    listen: listener => child.on('message', listener),
  }
}
