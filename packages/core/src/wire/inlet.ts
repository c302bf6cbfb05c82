import { ProtocolError } from './frames.ts'
import type { Socket } from './socket.ts'

/** Bytes held while reading is paused and the transport cannot pause; of one that can, as many beyond one message. */
const HELD_BYTES = 256 * 1024

/**
 * Where a link's messages come in, for whoever must be able to stop reading: the transport is asked to, and what arrives
 * all the same is held, within a limit. A client has none, and reads everything at once.
 */
export class Inlet {
  /** Reads what was held; set by the link. */
  read: (message: Uint8Array) => void = () => undefined
  readonly #receiveBytes: number
  #paused = false
  #socket: Socket | undefined
  /** What is left of a message in whose middle reading stopped. */
  #rest: Uint8Array | undefined
  #held: Uint8Array[] = []
  #heldBytes = 0

  /** @param receiveBytes - the largest message that the link takes. */
  constructor(receiveBytes: number) {
    this.#receiveBytes = receiveBytes
  }

  /** Whether reading is paused; that outlives sockets. */
  get paused(): boolean {
    return this.#paused
  }

  /** Whether reading has stopped in the middle of a message. */
  get interrupted(): boolean {
    return this.#rest !== undefined
  }

  /** The link has its next socket. */
  attach(socket: Socket): void {
    this.#socket = socket
    if (this.#paused) socket.pause?.()
  }

  /** The socket is gone, and what was held of it. */
  detach(): void {
    this.#socket = undefined
    this.#rest = undefined
    this.#held = []
    this.#heldBytes = 0
  }

  /** Stops reading. */
  pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#socket?.pause?.()
  }

  /** Reading was paused in the middle of a message, of which this is left: it is read first. */
  interrupt(rest: Uint8Array): void {
    this.#rest = new Uint8Array(rest)
  }

  /** Reads again, beginning with what was held. */
  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    const socket = this.#socket
    while (socket && socket === this.#socket && !this.#paused) {
      const held = this.#next()
      if (!held) return socket.resume?.()
      this.read(held)
    }
  }

  #next(): Uint8Array | undefined {
    const rest = this.#rest
    this.#rest = undefined
    if (rest) return rest
    const held = this.#held.shift()
    if (held) this.#heldBytes -= held.length
    return held
  }

  /**
   * Whether a message is to be read later. A transport that pauses still brings what it had read: a little, unless it
   * was compressed.
   *
   * @throws {@link ProtocolError} 4029 when more would be held than the limit.
   */
  holds(message: Uint8Array): boolean {
    if (!this.#paused) return false
    const most = this.#socket?.pause ? HELD_BYTES + this.#receiveBytes : HELD_BYTES
    this.#heldBytes += message.length
    if (this.#heldBytes > most) throw new ProtocolError('messages while paused', 4029)
    this.#held.push(new Uint8Array(message))
    return true
  }
}
