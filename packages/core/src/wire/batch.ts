import { travelsAlone } from './codec.ts'
import { memory } from './slab.ts'

/** A message ends before these, unless one frame is larger (protocol.md, "Ground rules"). */
const MESSAGE_BYTES = 64 * 1024
const MESSAGE_FRAMES = 10_000

/** What was joined last: sockets for which the same frames wait are sent the same message, made once. */
let joined: { readonly frames: readonly Uint8Array[]; readonly message: Uint8Array } | undefined

/** Frames that wait for the end of the tick, to leave together: a batch is nothing but frames one after another. */
export class Batch {
  /** Mostly there is one frame at most, and then no array. */
  #frames: Uint8Array | Uint8Array[] | undefined
  #bytes = 0

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes
  }

  add(frame: Uint8Array): void {
    const frames = this.#frames
    if (frames === undefined) this.#frames = frame
    else if (frames instanceof Uint8Array) this.#frames = [frames, frame]
    else frames.push(frame)
    this.#bytes += frame.length
  }

  clear(): void {
    this.#frames = undefined
    this.#bytes = 0
  }

  /**
   * Takes out the next message: as many frames as the rules allow. `undefined` when nothing waits.
   *
   * @param longest - largest message that the other side takes, in bytes
   */
  take(longest: number): Uint8Array | undefined {
    const frames = this.#frames
    if (frames === undefined) return undefined
    const message = frames instanceof Uint8Array ? frames : takeFrom(frames, Math.min(longest, MESSAGE_BYTES))
    if (frames === message || frames.length === 0) this.clear()
    else this.#bytes -= message.length
    return message
  }
}

/** Takes the first message out of `frames`. */
function takeFrom(frames: Uint8Array[], most: number): Uint8Array {
  const first = frames.splice(0, endOfMessage(frames, most))
  const [only] = first
  if (only && first.length === 1) return only
  if (!joined || !isSame(joined.frames, first)) joined = { frames: first, message: join(first) }
  return joined.message
}

function endOfMessage(frames: readonly Uint8Array[], most: number): number {
  let bytes = 0
  let end = 0
  for (; end < frames.length && end < MESSAGE_FRAMES; end++) {
    const frame = frames[end]
    if (!frame) continue
    bytes += frame.length
    const isAlone = travelsAlone(frame)
    if (end > 0 && (bytes > most || isAlone)) break
    if (isAlone) return end + 1
  }
  return end
}

function isSame(some: readonly Uint8Array[], others: readonly Uint8Array[]): boolean {
  return some.length === others.length && some.every((frame, i) => frame === others[i])
}

function join(frames: readonly Uint8Array[]): Uint8Array {
  let bytes = 0
  for (const frame of frames) bytes += frame.length
  const message = memory(bytes)
  let offset = 0
  for (const frame of frames) {
    message.set(frame, offset)
    offset += frame.length
  }
  return message
}
