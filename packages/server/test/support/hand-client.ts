import {
  type CallFields,
  decodeMessage,
  encodeFrame,
  type Frame,
  FrameType,
  type HelloFields,
  isCounted,
  parseFrame,
  SCAN_LIMITS,
  type Socket,
  type WelcomeFields,
} from '@tautline/core/wire'

/** How a socket was closed. */
export interface Closed {
  readonly code: number
  readonly reason: string
}

/** A client that does nothing by itself: what it sends is written by hand, what it gets is kept for a look. */
export class HandClient {
  readonly frames: Frame[] = []
  /** Counted frames received. */
  received = 0
  closed: Closed | undefined
  readonly #socket: Socket
  #told: () => void = () => undefined

  constructor(socket: Socket) {
    this.#socket = socket
    socket.listen({
      message: bytes => this.#message(bytes),
      drain: () => undefined,
      close: (code, reason) => {
        this.closed = { code, reason }
        this.#told()
      },
    })
  }

  get welcome(): WelcomeFields | undefined {
    return this.all(FrameType.WELCOME)[0]?.[1] as WelcomeFields | undefined
  }

  /** Sends frames in one message. */
  send(...frames: Frame[]): void {
    this.sendBytes(Uint8Array.from(frames.flatMap(frame => [...encodeFrame(frame)])))
  }

  sendBytes(message: Uint8Array): void {
    this.#socket.send(message)
  }

  hello(fields: HelloFields = {}): void {
    this.send([FrameType.HELLO, fields])
  }

  call(id: number, entry: string, input?: unknown, fields?: CallFields): void {
    this.send([FrameType.CALL, id, entry, input, fields])
  }

  /** All frames of a type so far. */
  all(type: number): Frame[] {
    return this.frames.filter(frame => frame[0] === type)
  }

  /** The END or FAIL of an exchange, if it came. */
  outcome(id: number): Frame | undefined {
    return this.frames.find(frame => (frame[0] === FrameType.END || frame[0] === FrameType.FAIL) && frame[1] === id)
  }

  /** Resolves when `holds` does: asked again whenever something came. */
  until<T>(holds: (client: this) => T | undefined | false): Promise<T> {
    return new Promise(resolve => {
      this.#told = () => {
        const found = holds(this)
        if (found) resolve(found)
      }
      this.#told()
    })
  }

  close(code = 1000, reason = ''): void {
    this.#socket.close(code, reason)
  }

  /** The socket is gone without a word. */
  cut(): void {
    this.#socket.abandon()
  }

  /** Stops reading, as a client does that hangs. */
  stall(): void {
    this.#socket.pause?.()
  }

  #message(bytes: Uint8Array): void {
    decodeMessage(bytes, SCAN_LIMITS, value => {
      const frame = parseFrame(value, 'server')
      if (!frame) return
      if (isCounted(frame[0])) this.received += 1
      this.frames.push(frame)
    })
    this.#told()
  }
}
