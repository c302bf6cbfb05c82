import { encodeFrame, unshared } from './codec.ts'
import { type Frame, ProtocolError } from './frames.ts'

/** Who sent a frame that is kept, asked when it must be sent again: the number stays, the bytes may change. */
export interface Sender {
  /** The frame to send in the place of `frame`, which may not have reached the other side. */
  again(frame: Frame): Frame
}

/** What it costs to keep a frame, beside its bytes: most are small, and nobody has to acknowledge any. */
export const KEPT_OVERHEAD = 128

/** A frame that was sent: its bytes, with nothing around them that would have to be collected, or who makes it anew. */
export type Kept = Uint8Array | { readonly length: number; readonly frame: Frame; readonly sender: Sender }

/**
 * The counted frames that one side has sent, in order, each kept until the other side has acknowledged it
 * (protocol.md, "Sessions").
 */
export class Replay {
  readonly #limit: number
  #kept: Kept[] = []
  #head = 0
  #bytes = 0
  #sent = 0
  #acknowledged = 0
  #forgotten = 0

  /** @param limit - bytes to keep; past it everything is forgotten, and only what follows is kept. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Bytes kept, with what it costs to keep them. */
  get bytes(): number {
    return this.#bytes
  }

  /** Number of the newest frame. */
  get sent(): number {
    return this.#sent
  }

  /** Numbers and keeps a frame of `length` bytes; `false` when it did not fit and all that was kept is forgotten. */
  keep(sent: Kept): boolean {
    this.#sent += 1
    this.#kept.push(sent)
    this.#bytes += sent.length + KEPT_OVERHEAD
    if (this.#bytes <= this.#limit) return true
    this.clear()
    return false
  }

  /** Whether all that follows frame number `received` is still here. */
  reachesBackTo(received: number): boolean {
    if (received > this.#sent) throw new ProtocolError('received more frames than were sent')
    return received >= this.#forgotten
  }

  /** Forgets the frames up to number `acknowledged`. */
  forget(acknowledged: number): void {
    if (acknowledged > this.#sent) throw new ProtocolError('acknowledged more frames than were sent')
    if (acknowledged < this.#acknowledged) throw new ProtocolError('acknowledged fewer frames than before')
    this.#acknowledged = acknowledged
    for (; this.#forgotten < acknowledged; this.#forgotten++) {
      const kept = this.#kept[this.#head]
      if (kept) this.#bytes -= kept.length + KEPT_OVERHEAD
      this.#head += 1
    }
    if (this.#head * 2 < this.#kept.length) return
    this.#kept = this.#kept.slice(this.#head)
    this.#head = 0
  }

  /** Lets go of the memory that kept frames share with others: it may be long until they are acknowledged. */
  settle(): void {
    this.#kept = this.#kept.slice(this.#head).map(settled)
    this.#head = 0
  }

  /** Forgets everything; the numbers go on. */
  clear(): void {
    this.#kept = []
    this.#head = 0
    this.#bytes = 0
    this.#forgotten = this.#sent
  }

  /** The bytes to send again, in order. */
  *frames(): Generator<Uint8Array, void, undefined> {
    for (const kept of this.#kept.slice(this.#head)) {
      yield kept instanceof Uint8Array ? kept : encodeFrame(kept.sender.again(kept.frame))
    }
  }
}

function settled(kept: Kept): Kept {
  return kept instanceof Uint8Array ? unshared(kept) : kept
}
