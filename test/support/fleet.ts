import { type Client, type ConnectOptions, connect } from '@tautline/client'
import { pipe, systemClock } from '@tautline/core/wire'
import { memory, type Server, serve } from '@tautline/server'
import { VirtualClock } from '@tautline/testing'
import WebSocket from 'ws'
import { Desk, desk } from './desk.ts'
import type { Transport } from './pair.ts'

/** Servers behind one address, one after the other, on one broker: whoever dials comes to the newest. */
export class Fleet {
  readonly desk = new Desk()
  readonly virtual: VirtualClock | undefined
  readonly #transport: Transport
  readonly #broker: ReturnType<typeof memory>
  #server: Server | undefined

  constructor(transport: Transport) {
    this.#transport = transport
    this.virtual = transport === 'pipe' ? new VirtualClock() : undefined
    this.#broker = memory({ clock: this.virtual ?? systemClock })
  }

  get server(): Server {
    if (!this.#server) throw new Error('nobody serves')
    return this.#server
  }

  /** Another server takes over; the one before drains. Resolves when that one is empty. */
  async replace(withinMs = 5_000): Promise<void> {
    const before = this.#server
    this.#server = (await serve(
      desk,
      {
        authenticate: () => ({ context: undefined }),
        broker: this.#broker,
        clock: this.virtual ?? systemClock,
        ...(this.#transport === 'ws' && { port: 0, host: '127.0.0.1' }),
      },
      this.desk.handlers,
    )) as Server
    if (before) await this.wait(before.close({ withinMs }))
  }

  client(options: Partial<ConnectOptions> = {}): Client<typeof desk> {
    const fleet = this
    class Balanced extends WebSocket {
      constructor(_url: string, protocol: string) {
        super(fleet.server.url ?? '', protocol)
      }
    }
    const dialled: Partial<ConnectOptions> = this.virtual
      ? { clock: this.virtual, socket: () => this.#pipe() }
      : { WebSocket: Balanced as unknown as NonNullable<ConnectOptions['WebSocket']> }
    return connect(desk, { url: 'ws://balancer', ...dialled, ...options })
  }

  pass(ms: number): Promise<void> {
    return this.virtual?.advance(ms) ?? new Promise(resolve => setTimeout(resolve, ms))
  }

  /** Waits for what needs time to pass, in virtual time too. */
  async wait<Value>(promise: Promise<Value>): Promise<Value> {
    let settled = false
    const done = promise.finally(() => {
      settled = true
    })
    done.catch(() => undefined)
    for (let turn = 0; !settled && turn < 4_000; turn++) await this.pass(this.virtual ? 20 : 5)
    return done
  }

  async end(): Promise<void> {
    await this.wait(this.server.close({ withinMs: 0 }))
    await this.#broker.close()
  }

  #pipe() {
    const [near, far] = pipe(this.virtual)
    this.server.accept(far)
    return near
  }
}
