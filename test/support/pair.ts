import { type Client, type ConnectOptions, connect } from '@tautline/client'
import type { Handlers } from '@tautline/core'
import { pipe, type Socket, systemClock } from '@tautline/core/wire'
import { type ServeOptions, type Server, serve } from '@tautline/server'
import { VirtualClock } from '@tautline/testing'
import { expect } from 'vitest'
import WebSocket from 'ws'

/** What carries a pair's messages: two sockets in memory and virtual time, or real sockets and the machine's clock. */
export const TRANSPORTS = ['pipe', 'ws'] as const
export type Transport = (typeof TRANSPORTS)[number]

/** How long something may take before it never happens, in ms. */
const PATIENCE_MS = { pipe: 120_000, ws: 8_000 } as const

/** A client whose line the test can cut. */
export interface CutClient<T> extends Client<T> {
  /** Breaks its socket without a goodbye, at both ends. */
  cut(): void
  /** While `true`, it dials in vain. */
  away(isAway: boolean): void
}

/** A server, and clients of it, over either transport: what a behaviour test is written against. */
export class Pair<T extends object, C> {
  readonly transport: Transport
  readonly clock: VirtualClock | undefined
  server: Server<T, C>
  readonly #contract: T
  readonly #serve: (port: number | undefined) => Promise<Server<T, C>>
  readonly #clients: Pick<Client<T>, 'connection'>[] = []

  /** @param options - without clock and port: those are the pair’s. */
  private constructor(transport: Transport, contract: T, options: ServeOptions<C>, handlers: Handlers<T, NoInfer<C>>) {
    this.transport = transport
    this.clock = transport === 'pipe' ? new VirtualClock() : undefined
    this.#contract = contract
    const clock = this.clock ?? systemClock
    this.#serve = port =>
      serve(contract, { ...options, clock, port, host: port === undefined ? undefined : '127.0.0.1' }, handlers)
    this.server = undefined as never
  }

  static async open<T extends object, C>(
    transport: Transport,
    contract: T,
    options: ServeOptions<C>,
    handlers: Handlers<T, NoInfer<C>>,
  ): Promise<Pair<T, C>> {
    const pair = new Pair(transport, contract, options, handlers)
    pair.server = await pair.#serve(transport === 'ws' ? 0 : undefined)
    return pair
  }

  /** A client that has not dialled yet. It comes back after a few ms, whatever happens to its socket. */
  client(options: Partial<ConnectOptions> = {}): CutClient<T> {
    return this.other(this.#contract, options)
  }

  /** A client of another contract than the server's. */
  other<Other extends object>(contract: Other, options: Partial<ConnectOptions> = {}): CutClient<Other> {
    const open = new Set<() => void>()
    let isAway = false
    const dialled: Partial<ConnectOptions> =
      this.transport === 'pipe'
        ? { clock: this.clock, url: 'ws://pipe', socket: () => this.#pipe(open, isAway) }
        : { url: this.server.url ?? '', WebSocket: cutWebSocket(open, () => isAway) }
    const client = connect<Other>(contract, { url: '', random: () => 0.01, ...dialled, ...options })
    this.#clients.push(client)
    return {
      ...client,
      cut: () => {
        for (const cut of open) cut()
        open.clear()
      },
      away(now) {
        isAway = now
      },
    }
  }

  /** Waits until `check` is true, or no longer throws. */
  async until(check: () => unknown): Promise<void> {
    const end = this.#now() + PATIENCE_MS[this.transport]
    for (;;) {
      await this.clock?.settle()
      try {
        if (check() !== false) return
      } catch (error) {
        if (this.#now() >= end) throw error
      }
      expect(this.#now(), 'it never happened').toBeLessThan(end)
      await this.pass(this.clock ? 50 : 5)
    }
  }

  /** Lets so many ms pass. */
  pass(ms: number): Promise<void> {
    return this.clock?.advance(ms) ?? new Promise(resolve => setTimeout(resolve, ms))
  }

  /** Waits for what needs time to pass, in virtual time too. */
  async wait<Value>(promise: Promise<Value>): Promise<Value> {
    let settled = false
    const done = promise.finally(() => {
      settled = true
    })
    done.catch(() => undefined)
    await this.until(() => settled)
    return done
  }

  /** The server is gone without a goodbye, and another one is where it was. */
  async restart(): Promise<void> {
    const dead = this.server
    const { port } = dead
    const closed = dead.close({ withinMs: 0 })
    if (this.clock) await this.clock.advance(2_000)
    await closed
    this.server = await this.#serve(port)
  }

  /** Closes everything, and sees that nothing is left. */
  async end(): Promise<void> {
    for (const { connection } of this.#clients) connection.close()
    await this.until(() => {
      const { attached, detached, unauthenticated } = this.server.stats().sessions
      expect({ attached, detached, unauthenticated }).toEqual({ attached: 0, detached: 0, unauthenticated: 0 })
    })
    expect(this.server.stats()).toMatchObject({ inFlight: 0, subscriptions: 0 })
    await this.wait(this.server.close({ withinMs: 0 }))
    await this.clock?.settle()
    if (this.clock) expect(this.clock.pending, 'timers').toBe(0)
  }

  #now(): number {
    return this.clock?.now() ?? performance.now()
  }

  #pipe(open: Set<() => void>, isAway: boolean): Socket {
    const [near, far] = pipe(this.clock)
    if (isAway) far.close(1006, '')
    else {
      this.server.accept(far)
      open.add(() => far.abandon())
    }
    return near
  }
}

function cutWebSocket(open: Set<() => void>, isAway: () => boolean): ConnectOptions['WebSocket'] {
  return class extends WebSocket {
    constructor(url: string, protocol: string) {
      super(isAway() ? 'ws://127.0.0.1:1' : url, protocol)
      open.add(() => this.terminate())
    }
  } as unknown as ConnectOptions['WebSocket']
}
