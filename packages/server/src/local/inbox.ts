import { type Clock, decodeFrame, type Frame, parseFrame } from '@tautline/core/wire'
import type { SubscriptionsParts } from '../subscriptions.ts'

/** What a frame that waits counts beside its bytes: a thousand small ones are as much as one of 1 MiB. */
const WAITING_BYTES = 1_024

/**
 * The frames of a subscription in this process, until somebody looks at them. It stands where a session has its link, so
 * that whoever is slow here is treated like anybody who is slow far away.
 */
export class Inbox implements Readonly<Pick<SubscriptionsParts, 'link'>['link']> {
  readonly attached = true
  readonly #clock: Clock
  readonly #arrived: () => void
  readonly #room: () => void
  #frames: (Frame | Uint8Array)[] = []
  #bytes = 0
  #telling = false

  /**
   * @param arrived - called when frames came, at the end of the tick.
   * @param room - called when there may be room for more, at the end of the tick.
   */
  constructor(clock: Clock, arrived: () => void, room: () => void) {
    this.#clock = clock
    this.#arrived = arrived
    this.#room = room
  }

  get unsentBytes(): number {
    return this.#bytes
  }

  send(frame: Frame): number {
    this.#add(frame)
    return 0
  }

  sendEncoded(bytes: Uint8Array): void {
    this.#add(bytes)
  }

  sendNow(frames: readonly Uint8Array[]): void {
    for (const bytes of frames) this.#add(bytes)
  }

  /** The next frame, if there is one. */
  take(): Frame | undefined {
    const frame = this.#frames.shift()
    if (!frame) return undefined
    this.#bytes -= sizeOf(frame)
    this.#tell()
    return frame instanceof Uint8Array ? parseFrame(decodeFrame(frame), 'server') : frame
  }

  /** Nobody looks any more. */
  clear(): void {
    this.#frames = []
    this.#bytes = 0
  }

  #add(frame: Frame | Uint8Array): void {
    this.#frames.push(frame)
    this.#bytes += sizeOf(frame)
    this.#tell()
  }

  #tell(): void {
    if (this.#telling) return
    this.#telling = true
    this.#clock.defer(() => {
      this.#telling = false
      if (this.#frames.length > 0) this.#arrived()
      this.#room()
    })
  }
}

function sizeOf(frame: Frame | Uint8Array): number {
  return WAITING_BYTES + (frame instanceof Uint8Array ? frame.length : 0)
}
