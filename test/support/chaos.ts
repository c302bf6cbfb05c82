import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { randomFrom } from '@tautline/testing'

/** Which way: from the client up to the server, or down to the client. */
export type Way = 'up' | 'down' | 'both'

/** What a proxy does to the bytes that go one way. Changes count at once, also for connections that are open. */
export interface Conditions {
  latencyMs: number
  jitterMs: number
  bytesPerSecond: number
  /** Bytes arrive in pieces of 1 to so many; with 1, each alone. */
  slice: number
  /** How likely it is that a piece arrives with one bit turned. */
  flip: number
}

type Direction = 'up' | 'down'
const DIRECTIONS = ['up', 'down'] as const

const FAIR: Conditions = {
  latencyMs: 0,
  jitterMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  slice: Number.POSITIVE_INFINITY,
  flip: 0,
}

/**
 * A TCP proxy between real clients and a real server, on which anything can happen; the same seed makes the same dice.
 * It holds one chunk per connection and way: whoever does not read slows whoever writes, as on a wire.
 */
export class Chaos {
  readonly up: Conditions
  readonly down: Conditions
  /** While `true`, nobody listens. */
  refuse = false
  readonly random: () => number
  readonly #listener: Server
  readonly #connections = new Set<Connection>()
  readonly #held = { up: false, down: false }
  #cutNext: { readonly way: Direction; readonly bytes: number } | undefined
  #to: () => number
  #dials = 0

  private constructor(listener: Server, to: () => number, seed: number, conditions: Partial<Conditions>) {
    this.up = { ...FAIR, ...conditions }
    this.down = { ...FAIR, ...conditions }
    this.random = randomFrom(seed)
    this.#to = to
    this.#listener = listener
    listener.on('connection', client => this.#accept(client))
  }

  /** @param to - the port that each dial ends at. */
  static async open(to: () => number, seed: number, conditions: Partial<Conditions> = {}): Promise<Chaos> {
    const listener = createServer({ allowHalfOpen: true, noDelay: true })
    const chaos = new Chaos(listener, to, seed, conditions)
    await once(listener.listen(0, '127.0.0.1'), 'listening')
    return chaos
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/live`
  }

  /** How often clients have dialled. */
  get dials(): number {
    return this.#dials
  }

  /** Connections that at least one side still holds. */
  get connections(): number {
    return this.#connections.size
  }

  /** Where the next dials end. */
  to(port: () => number): void {
    this.#to = port
  }

  /** Breaks all connections now: with RST, and what was under way is lost; or with FIN, and no word of WebSocket's. */
  cut(how: 'reset' | 'fin' = 'reset'): void {
    for (const connection of [...this.#connections]) connection.cut(how)
  }

  /** Breaks the connections once so many more bytes have gone that way, in the middle of a message if need be. */
  cutAfter(way: Direction, bytes: number): void {
    for (const connection of this.#connections) connection.cutAfter(way, bytes)
  }

  /** The same for the next connection, counted from its first byte: in its handshake, or in what it resumes. */
  cutNextAfter(way: Direction, bytes: number): void {
    this.#cutNext = { way, bytes }
  }

  /** The next bytes down are lost, and the connection with them: what was answered was done, and nobody is told. */
  dropReply(): void {
    this.cutAfter('down', 0)
  }

  /** Silence: nothing arrives any more that way, on this connection and the next ones, and nobody is told. */
  hold(way: Way = 'both'): void {
    for (const direction of DIRECTIONS) this.#held[direction] ||= way === direction || way === 'both'
  }

  /** The connections that there are fall silent that way; the next ones are well. */
  halfOpen(way: Way = 'both'): void {
    for (const connection of this.#connections) connection.silence(way)
  }

  /** The end of the silence: what was held goes on. */
  release(): void {
    this.#held.up = this.#held.down = false
    for (const connection of this.#connections) connection.speak()
  }

  /** Whether nothing goes that way. */
  isHeld(way: Direction): boolean {
    return this.#held[way]
  }

  async close(): Promise<void> {
    for (const connection of [...this.#connections]) connection.cut('reset')
    this.#listener.close()
    await once(this.#listener, 'close')
  }

  #accept(client: Socket): void {
    this.#dials += 1
    if (this.refuse) {
      reset(client.on('error', () => undefined))
      return
    }
    const server = connect({ port: this.#to(), host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    const connection = new Connection(this, client, server, () => this.#connections.delete(connection))
    this.#connections.add(connection)
    if (this.#cutNext) connection.cutAfter(this.#cutNext.way, this.#cutNext.bytes)
    this.#cutNext = undefined
  }
}

/** One connection through the proxy: a socket to each side, and a loop for each way. */
class Connection {
  readonly #chaos: Chaos
  readonly #client: Socket
  readonly #server: Socket
  readonly #silent = { up: false, down: false }
  /** Bytes that may still go that way before the connection breaks. */
  readonly #left = { up: Number.POSITIVE_INFINITY, down: Number.POSITIVE_INFINITY }
  readonly #waiting = new Set<() => void>()
  #over = false

  constructor(chaos: Chaos, client: Socket, server: Socket, gone: () => void) {
    this.#chaos = chaos
    this.#client = client
    this.#server = server
    for (const socket of [client, server]) socket.on('error', () => undefined)
    void Promise.all([this.#carry('up', client, server), this.#carry('down', server, client)]).then(gone)
  }

  cut(how: 'reset' | 'fin'): void {
    this.#over = true
    for (const socket of [this.#client, this.#server]) {
      if (how === 'reset') reset(socket)
      else socket.destroySoon()
    }
    this.#wake()
  }

  cutAfter(way: Direction, bytes: number): void {
    this.#left[way] = bytes
  }

  silence(way: Way): void {
    for (const direction of DIRECTIONS) this.#silent[direction] ||= way === direction || way === 'both'
  }

  speak(): void {
    this.#silent.up = this.#silent.down = false
    this.#wake()
  }

  #wake(): void {
    for (const go of this.#waiting) go()
    this.#waiting.clear()
  }

  async #carry(way: Direction, from: Socket, to: Socket): Promise<void> {
    try {
      // Whoever has said all may still be told something.
      for await (const chunk of from.iterator({ destroyOnReturn: false })) await this.#deliver(way, chunk, to)
      await this.#passable(way)
      to.end()
    } catch {
      await this.#passable(way)
      reset(to)
    }
  }

  async #deliver(way: Direction, chunk: Buffer, to: Socket): Promise<void> {
    const { latencyMs, jitterMs } = this.#chaos[way]
    if (latencyMs + jitterMs > 0) await pause(latencyMs + jitterMs * this.#chaos.random())
    for (let begin = 0; begin < chunk.length && !this.#over; ) {
      await this.#passable(way)
      const { slice, bytesPerSecond, flip } = this.#chaos[way]
      const length = Math.min(this.#most(slice, bytesPerSecond), this.#left[way], chunk.length - begin)
      const piece = chunk.subarray(begin, begin + length)
      if (this.#chaos.random() < flip) this.#turnBit(piece)
      begin += length
      this.#left[way] -= length
      if (length > 0) await new Promise<void>(written => to.write(piece, () => written()))
      if (this.#left[way] === 0) return this.cut('reset')
      if (Number.isFinite(bytesPerSecond)) await pause((length / bytesPerSecond) * 1_000)
    }
  }

  /** A thin line carries what it can in 20 ms at once. */
  #most(slice: number, bytesPerSecond: number): number {
    const most = Number.isFinite(slice) ? 1 + Math.floor(this.#chaos.random() * slice) : slice
    return Math.max(1, Math.min(most, Math.floor(bytesPerSecond / 50)))
  }

  #turnBit(piece: Buffer): void {
    const at = Math.floor(this.#chaos.random() * piece.length)
    piece[at] = (piece[at] ?? 0) ^ (1 << Math.floor(this.#chaos.random() * 8))
  }

  /** Waits while nothing goes that way. */
  async #passable(way: Direction): Promise<void> {
    while ((this.#silent[way] || this.#chaos.isHeld(way)) && !this.#over) {
      await new Promise<void>(go => this.#waiting.add(go))
    }
  }
}

/** Node 20 neither resets nor closes a socket that waits to end; it would stay, and keep the process from its exit. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
