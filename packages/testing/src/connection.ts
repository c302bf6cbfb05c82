import type { Clock, Socket, SocketEvents } from '@tautline/core/wire'
import { type Conditions, Direction } from './direction.ts'

/** How long a side that has said goodbye waits for the other's, in ms, before it gives up. */
const CLOSE_MS = 3_000

/** Bytes that a close frame takes on the line. */
const CLOSE_BYTES = 8

/** One connection of a line: two sockets, and a direction from each to the other. */
export class Connection {
  readonly client: LineSocket
  readonly server: LineSocket
  readonly up: Direction
  readonly down: Direction
  readonly #onOver: (connection: Connection) => void
  #cutAfter: { readonly way: Direction; readonly bytes: number } | undefined

  constructor(
    clock: Clock,
    random: () => number,
    conditions: { readonly up: Conditions; readonly down: Conditions },
    onOver: (connection: Connection) => void,
  ) {
    this.#onOver = onOver
    this.up = new Direction(clock, random, conditions.up, () => this.client.written())
    this.down = new Direction(clock, random, conditions.down, () => this.server.written())
    this.client = new LineSocket(clock, this.up, this.down, this)
    this.server = new LineSocket(clock, this.down, this.up, this)
  }

  /** Breaks the connection once `bytes` more have been read that way; a message cut in two is lost. */
  cutAfter(way: 'up' | 'down', bytes: number): void {
    this.#cutAfter = { way: this[way], bytes: this[way].carried + bytes }
  }

  /** Whether a parcel of so many bytes, about to be read, is where the connection was to be cut; then it is. */
  cutsAt(way: Direction): boolean {
    if (this.#cutAfter?.way !== way || way.carried <= this.#cutAfter.bytes) return false
    this.reset()
    return true
  }

  /** Both sides lose the connection now, without a goodbye, and with all that was under way. */
  reset(): void {
    this.up.close()
    this.down.close()
    this.client.finish(1006, '')
    this.server.finish(1006, '')
    this.#onOver(this)
  }

  /** A side is done; when both are, the connection is. */
  sideDone(): void {
    if (!this.client.done || !this.server.done) return
    this.up.close()
    this.down.close()
    this.#onOver(this)
  }
}

/** One end of a connection. */
export class LineSocket implements Socket {
  done = false
  readonly #clock: Clock
  readonly #out: Direction
  readonly #in: Direction
  readonly #connection: Connection
  #events: SocketEvents | undefined
  #state: 'open' | 'closing' | 'closed' = 'open'
  #giveUp: unknown

  constructor(clock: Clock, out: Direction, incoming: Direction, connection: Connection) {
    this.#clock = clock
    this.#out = out
    this.#in = incoming
    this.#connection = connection
  }

  /** The far end's socket. */
  get far(): LineSocket {
    const { client, server } = this.#connection
    return client === this ? server : client
  }

  get bufferedAmount(): number {
    return this.#out.unsentBytes
  }

  send(message: Uint8Array): void {
    if (this.#state !== 'open') return
    const bytes = message.slice()
    this.#out.send(bytes.length, () => {
      if (!this.#connection.cutsAt(this.#out)) this.far.receive(bytes)
    })
  }

  close(code: number, reason: string): void {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.#out.send(CLOSE_BYTES, () => this.far.receiveClose(code, reason))
    this.#giveUp = this.#clock.setTimeout(() => this.finish(1006, ''), CLOSE_MS)
  }

  abandon(): void {
    this.#out.send(0, () => this.far.finish(1006, ''))
    this.finish(1006, '')
  }

  pause(): void {
    this.#in.read(false)
  }

  resume(): void {
    this.#in.read(true)
  }

  listen(events: SocketEvents): void {
    this.#events = events
  }

  /** Tells the one who dialled that the connection is there. */
  open(): void {
    this.#events?.open?.()
  }

  written(): void {
    if (this.#state !== 'closed') this.#events?.drain()
  }

  receive(bytes: Uint8Array): void {
    if (this.#state === 'open') this.#events?.message(bytes)
  }

  receiveClose(code: number, reason: string): void {
    if (this.#state === 'open') this.#out.send(CLOSE_BYTES, () => this.far.finish(code, reason))
    this.finish(code, reason)
  }

  finish(code: number, reason: string): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.done = true
    this.#clock.clearTimeout(this.#giveUp)
    const events = this.#events
    this.#events = undefined
    events?.close(code, reason)
    this.#connection.sideDone()
  }
}
