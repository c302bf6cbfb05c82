import type { Socket } from 'node:net'

/** An engine that says nothing for so many ms, though it is asked for a sign of life, is given up. */
export const SILENCE_MS = 3_000

interface Heard {
  readonly bytes: number
  /** When that was seen first, in ms of a clock that no test moves. */
  readonly at: number
}

/**
 * Who notices that nothing is heard, as often as somebody looks. `ioredis` has `socketTimeout` for that, which sets a timer and
 * a listener for each command that is sent alone: a fifth of what that costs.
 */
export class Silence {
  readonly #heard = new WeakMap<Socket, Heard>()

  /** Ends a connection that has been silent for too long; whoever waits for an answer on it learns so. */
  look(socket: Socket): void {
    const { bytesRead } = socket
    const heard = this.#heard.get(socket)
    const now = performance.now()
    if (heard?.bytes !== bytesRead) this.#heard.set(socket, { bytes: bytesRead, at: now })
    else if (now - heard.at >= SILENCE_MS) socket.destroy(new Error(`Redis has said nothing for ${SILENCE_MS} ms`))
  }
}
