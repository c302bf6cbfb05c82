import type { Socket } from 'node:net'
import { WebSocket } from 'ws'

/** What is larger travels by itself, if in the same write. */
const JOINED_BYTES = 65_536

/** One connection that speaks a peer's wire by hand, so that no client library is measured along with the server. */
export abstract class Client {
  /** An answer to a call, an echo, a stream or a subscription came. */
  onAnswer: (value?: unknown) => void = () => undefined
  /** So many items of a stream came, and this is the newest. */
  onItems: (count: number, newest: unknown) => void = () => undefined
  /** So many messages of a topic came, and this is the newest. */
  onMessages: (count: number, newest: unknown) => void = () => undefined
  /** The connection is gone. */
  onClose: () => void = () => undefined
  /** The connection is gone though nobody meant it to be, or something came that nobody understands. */
  onFailure: (error: Error) => void = () => undefined
  readonly ready: Promise<void>
  readonly #ws: WebSocket
  #mayClose = false
  #settle: { resolve(): void; reject(error: Error): void } = { resolve() {}, reject() {} }
  #waiting: Uint8Array[] = []

  constructor(url: string, protocols: string[] = []) {
    this.ready = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    const ws = new WebSocket(url, protocols, { perMessageDeflate: false, skipUTF8Validation: true })
    this.#ws = ws
    ws.on('open', () => this.begin())
    ws.on('message', (data, isBinary) => {
      try {
        this.hear(data as Buffer, isBinary)
      } catch (error) {
        this.onFailure(error instanceof Error ? error : new Error(String(error)))
      }
    })
    ws.on('error', error => this.#settle.reject(error))
    ws.on('close', (code, reason) => {
      const error = new Error(`closed with ${code} ${reason}`)
      this.#settle.reject(error)
      if (!this.#mayClose) this.onFailure(error)
      this.onClose()
    })
  }

  /** Bytes over TCP so far. */
  get bytes(): { readonly up: number; readonly down: number } {
    const { bytesWritten, bytesRead } = this.#raw
    return { up: bytesWritten, down: bytesRead }
  }

  /** Sends a small call. */
  abstract call(text?: string): void
  /** Sends `BLOB`, to get it back. */
  abstract echo(): void
  /** Asks for a stream of so many items. */
  abstract stream(count: number): void
  abstract subscribe(room?: string): void
  protected abstract hear(data: Buffer, isBinary: boolean): void

  /** Goes as a crash would have it. */
  close(): void {
    this.#mayClose = true
    this.#ws.terminate()
  }

  /** Says goodbye. */
  leave(): void {
    this.#mayClose = true
    this.#ws.close(1000)
  }

  /** Reads no more: a slow reader, of whom a server may tire. */
  pause(): void {
    this.#mayClose = true
    this.#raw.pause()
  }

  /** The WebSocket is open; whoever says something first overrides this. */
  protected begin(): void {
    this.opened()
  }

  protected opened(): void {
    this.#settle.resolve()
  }

  /** Sends a message by itself. */
  protected say(message: Uint8Array | string): void {
    this.#ws.send(message)
  }

  /** Sends frames at the end of the tick, joined to one message. */
  protected sayTogether(frame: Uint8Array): void {
    if (this.#waiting.length === 0) process.nextTick(this.#flush)
    this.#waiting.push(frame)
  }

  get #raw(): Socket {
    return (this.#ws as unknown as { _socket: Socket })._socket
  }

  readonly #flush = (): void => {
    const frames = this.#waiting
    this.#waiting = []
    if (frames.some(({ length }) => length > JOINED_BYTES)) {
      this.#raw.cork()
      for (const frame of frames) this.#ws.send(frame)
      this.#raw.uncork()
    } else this.#ws.send(frames.length === 1 ? (frames[0] as Uint8Array) : Buffer.concat(frames))
  }
}
