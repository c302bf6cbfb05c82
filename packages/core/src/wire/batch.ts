import { travelsAlone } from './codec.ts'

/** A message ends before these, unless one frame is larger (protocol.md, "Ground rules"). */
const MESSAGE_BYTES = 64 * 1024
const MESSAGE_FRAMES = 10_000

/** Frames that wait for the end of the tick, to leave together: a batch is nothing but frames one after another. */
export class Batch {
  #frames: Uint8Array[] = []
  #bytes = 0

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes
  }

  add(frame: Uint8Array): void {
    this.#frames.push(frame)
    this.#bytes += frame.length
  }

  clear(): void {
    this.#frames = []
    this.#bytes = 0
  }

  /**
   * Hands everything to `send` in as few messages as the rules allow, and is empty.
   *
   * @param longest - largest message that the other side takes, in bytes
   */
  sendAll(longest: number, send: (message: Uint8Array) => void): void {
    const frames = this.#frames
    const most = Math.min(longest, MESSAGE_BYTES)
    this.clear()
    for (let start = 0; start < frames.length; ) {
      const end = endOfMessage(frames, start, most)
      send(join(frames, start, end))
      start = end
    }
  }
}

function endOfMessage(frames: readonly Uint8Array[], start: number, most: number): number {
  let bytes = 0
  let end = start
  for (; end < frames.length && end - start < MESSAGE_FRAMES; end++) {
    const frame = frames[end]
    if (!frame) continue
    bytes += frame.length
    const isAlone = travelsAlone(frame)
    if (end > start && (bytes > most || isAlone)) break
    if (isAlone) return end + 1
  }
  return end
}

function join(frames: readonly Uint8Array[], start: number, end: number): Uint8Array {
  const only = frames[start]
  if (only && end - start === 1) return only
  let bytes = 0
  for (let i = start; i < end; i++) bytes += frames[i]?.length ?? 0
  const message = new Uint8Array(bytes)
  let offset = 0
  for (let i = start; i < end; i++) {
    const frame = frames[i]
    if (!frame) continue
    message.set(frame, offset)
    offset += frame.length
  }
  return message
}
