import type { TautlineError } from '@tautline/core'
import { guard } from './guard.ts'
import type { ConnectionState } from './states.ts'

/** Two contracts that are not the same, by their hashes. Calls go on: an entry that is gone answers `UNIMPLEMENTED`. */
export interface Skew {
  readonly client: string
  readonly server: string
}

/** What `connection.on` tells. */
export interface ConnectionEvents {
  /** The connection is in another state. */
  readonly state: (state: ConnectionState) => void
  /** How long the server took to answer, in ms. Whoever listens is told every 5 s. */
  readonly latency: (ms: number) => void
  /** The server's contract is not this client's. Told once for each that is met. */
  readonly skew: (skew: Skew) => void
  /**
   * What concerns no call: a token that could not be had, a gap or a refusal that nobody listens for, a listener that
   * threw. `entry` is the path of the topic it is about.
   */
  readonly error: (error: TautlineError, about: { readonly entry?: string }) => void
}

/** The listeners of a connection. One that throws is reported as an error, and harms nobody else. */
export class Events {
  readonly #listeners = new Map<string, Set<(...told: never[]) => void>>()
  readonly #untold: (() => void)[] = []

  /** Adds a listener; returns what removes it. Each is told once, however often it was added. */
  on<Name extends keyof ConnectionEvents>(name: Name, listener: ConnectionEvents[Name]): () => void {
    const listeners = this.#of(name)
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  hears(name: keyof ConnectionEvents): boolean {
    return this.#of(name).size > 0
  }

  /** In order: what a listener brings about is told when all have been told what came before. */
  tell<Name extends keyof ConnectionEvents>(name: Name, ...told: Parameters<ConnectionEvents[Name]>): void {
    // There is nobody to tell of a listener for errors that throws.
    const report = name === 'error' ? () => undefined : (error: TautlineError) => this.tell('error', error, {})
    this.#untold.push(() => {
      for (const listener of [...this.#of(name)]) guard(report, listener as (...told: unknown[]) => void, ...told)
    })
    if (this.#untold.length > 1) return
    for (let next = this.#untold[0]; next; next = this.#untold[0]) {
      next()
      this.#untold.shift()
    }
  }

  #of(name: string): Set<(...told: never[]) => void> {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    return listeners
  }
}
