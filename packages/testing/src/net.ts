import { VirtualClock } from './clock.ts'
import { type Acceptor, Line } from './line.ts'
import { randomFrom } from './random.ts'

/** How a network is made. */
export interface NetOptions {
  /** The same seed makes the same run. 1 by default. */
  readonly seed?: number
  /** How long a message is under way, in ms. 10 by default. */
  readonly latencyMs?: number
  /** Up to so much more, by chance, in ms. 0 by default. */
  readonly jitterMs?: number
  /** Speed of each line each way. No limit by default. */
  readonly bytesPerSecond?: number
}

/** A network in virtual time: lines between clients and servers, on one clock that moves when it is told to. */
export interface Network {
  /** Give it to `serve()` as `clock`; lines give it to their clients. */
  readonly clock: VirtualClock
  /** The chance of this network: numbers from 0 to 1 that its seed decides. */
  readonly random: () => number
  /** Connections on all lines that at least one side still holds. */
  readonly connections: number
  /** A line to a server, for one client. Without a server its dials are refused until `line.to(server)`. */
  line(server?: Acceptor): Line
  /** Lets `ms` milliseconds pass, with all that happens in them. */
  advance(ms: number): Promise<void>
  /** Lets everything happen that needs no time. */
  settle(): Promise<void>
  /**
   * Lets time pass until `promise` settles, and settles as it does.
   *
   * @throws an `Error` when that takes more than `withinMs` of virtual time; 60,000 by default.
   */
  until<T>(promise: Promise<T>, withinMs?: number): Promise<T>
}

/** How far {@link Network.until} lets time pass at once, in ms. */
const STEP_MS = 50

/**
 * Makes a network in virtual time.
 *
 * @example
 * const network = net({ seed: 7 })
 * const server = await serve(chat, { clock: network.clock, authenticate: anyone }, handlers)
 * const line = network.line(server)
 * const { api, connection } = connect(chat, line.client)
 * const answer = api.rooms.post({ room: 'lobby', text: 'hi' })
 * line.cutAfter('down', 0) // the tunnel eats the reply
 * await network.until(answer)
 */
export function net(options: NetOptions = {}): Network {
  const clock = new VirtualClock()
  const random = randomFrom(options.seed ?? 1)
  const conditions = {
    latencyMs: options.latencyMs ?? 10,
    jitterMs: options.jitterMs ?? 0,
    bytesPerSecond: options.bytesPerSecond ?? Number.POSITIVE_INFINITY,
  }
  const lines: Line[] = []
  return {
    clock,
    random,
    get connections() {
      return lines.reduce((sum, line) => sum + line.connections, 0)
    },
    line(server) {
      const line = new Line(clock, random, conditions, server)
      lines.push(line)
      return line
    },
    advance: ms => clock.advance(ms),
    settle: () => clock.settle(),
    async until(promise, withinMs = 60_000) {
      let settled = false
      const done = () => {
        settled = true
      }
      promise.then(done, done)
      const end = clock.now() + withinMs
      for (await clock.settle(); !settled; await clock.advance(STEP_MS)) {
        if (clock.now() >= end) throw new Error(`still waiting after ${withinMs} ms of virtual time`)
      }
      return promise
    },
  }
}
