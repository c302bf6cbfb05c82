import type { Clock, Socket } from '@tautline/core/wire'
import { Connection } from './connection.ts'
import type { Conditions } from './direction.ts'

/** As much of a server as a line needs: what `serve()` returns has it. */
export interface Acceptor {
  accept(socket: Socket, request: { readonly url: string; readonly headers: Readonly<Record<string, string>> }): void
}

/** Which way: from the client up to the server, or down to the client. */
export type Way = 'up' | 'down' | 'both'

/** The options of `connect()` that put a client on a line. */
export interface LineClient {
  readonly url: string
  readonly clock: Clock
  readonly random: () => number
  readonly socket: (url: string) => Socket
}

/**
 * The path between one client and a server, on which anything can happen. What is done to a line is done to the
 * connection it carries now, and, as far as it lasts, to the next ones.
 */
export class Line {
  /** What the line does to what the client sends. */
  readonly up: Conditions
  /** What the line does to what the server sends. */
  readonly down: Conditions
  /** Spread these into the options of `connect()`. */
  readonly client: LineClient
  readonly #clock: Clock
  readonly #random: () => number
  readonly #connections = new Set<Connection>()
  readonly #held = { up: false, down: false }
  #server: Acceptor | undefined
  #dials = 0

  constructor(clock: Clock, random: () => number, conditions: Conditions, server: Acceptor | undefined) {
    this.#clock = clock
    this.#random = random
    this.#server = server
    this.up = { ...conditions }
    this.down = { ...conditions }
    this.client = { url: 'ws://line.test/live', clock, random, socket: url => this.#dial(url) }
  }

  /** How often the client has dialled. */
  get dials(): number {
    return this.#dials
  }

  /** Connections that at least one side still holds. */
  get connections(): number {
    return this.#connections.size
  }

  /** Where the next dials end; `undefined` refuses them, as a server that is not running does. */
  to(server: Acceptor | undefined): void {
    this.#server = server
  }

  /** Breaks the connection now: both sides notice, and what was under way is lost. */
  cut(): void {
    for (const connection of [...this.#connections]) connection.reset()
  }

  /** Breaks the connection once `bytes` more have been read that way, in the middle of a message if need be. */
  cutAfter(way: 'up' | 'down', bytes: number): void {
    for (const connection of this.#connections) connection.cutAfter(way, bytes)
  }

  /** Silence: nothing arrives any more that way, and nobody is told. A tunnel, a pulled plug, a half-open connection. */
  hold(way: Way = 'both'): void {
    this.#hold(way, true)
  }

  /** The end of the silence: connections that both sides still believe in carry on, with what was held. */
  release(way: Way = 'both'): void {
    this.#hold(way, false)
  }

  #hold(way: Way, held: boolean): void {
    for (const one of ['up', 'down'] as const) {
      if (way !== one && way !== 'both') continue
      this.#held[one] = held
      for (const connection of this.#connections) {
        if (held) connection[one].hold()
        else connection[one].release()
      }
    }
  }

  #dial(url: string): Socket {
    this.#dials += 1
    const connection = new Connection(this.#clock, this.#random, this, over => this.#connections.delete(over))
    this.#connections.add(connection)
    if (this.#held.up) connection.up.hold()
    if (this.#held.down) connection.down.hold()
    connection.up.send(0, () => {
      const server = this.#server
      if (!server) return connection.reset()
      connection.down.send(0, () => connection.client.open())
      server.accept(connection.server, { url, headers: {} })
    })
    return connection.client
  }
}
