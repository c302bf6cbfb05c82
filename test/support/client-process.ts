import type { ChildProcess } from 'node:child_process'
import { forkScript, gone, heard } from './script.ts'

/** How long a client may take to begin, and to be gone once it has nothing left to do, in ms. */
const BEGIN_MS = 30_000
const GONE_MS = 10_000

export interface ClientProcessOptions {
  readonly name: string
  readonly url: string
  /** The file of a `Ledger`, into which everything that happens to the client is written. */
  readonly ledger: string
}

/** What a client process is told. */
export type ToClient =
  | { readonly call: number }
  | { readonly stall: number }
  | { readonly report: true }
  | { readonly leave: true }

/** How a client is: how often it was asked for a token, how often it had to come back. */
export interface Report {
  readonly tokens: number
  readonly absences: number
  readonly online: boolean
}

/** What it tells. */
export type ToWatcher = { readonly ready: true } | { readonly problem: string } | Report

/** A player in a process of its own, which can really be put to sleep; it is subscribed to the log `a`. */
export class ClientProcess {
  readonly #child: ChildProcess
  readonly #problems: string[] = []

  private constructor(child: ChildProcess) {
    this.#child = child
    child.stderr?.on('data', text => this.#problems.push(`a client wrote: ${text}`))
    child.on('message', (message: ToWatcher) => {
      if ('problem' in message) this.#problems.push(message.problem)
    })
  }

  static async start(options: ClientProcessOptions): Promise<ClientProcess> {
    const child = await forkScript('client-child', options)
    const client = new ClientProcess(child)
    await heard(child, (message: ToWatcher) => ('ready' in message ? message : undefined), BEGIN_MS)
    return client
  }

  /** A call whose handler takes so long. */
  call(ms: number): void {
    this.#tell({ call: ms })
  }

  /** Keeps its only thread busy for so long. */
  stall(ms: number): void {
    this.#tell({ stall: ms })
  }

  /** The process neither runs nor ends, as on a laptop that was closed. */
  stop(): void {
    this.#child.kill('SIGSTOP')
  }

  go(): void {
    this.#child.kill('SIGCONT')
  }

  report(): Promise<Report> {
    this.#tell({ report: true })
    return heard(this.#child, (message: ToWatcher) => ('tokens' in message ? message : undefined), BEGIN_MS)
  }

  /** It closes its connection. What is returned is wrong. */
  async leave(): Promise<string[]> {
    this.#tell({ leave: true })
    const byItself = await gone(this.#child, GONE_MS)
    return byItself ? this.#problems : [...this.#problems, 'a client process did not end by itself']
  }

  #tell(message: ToClient): void {
    this.#child.send(message)
  }
}
