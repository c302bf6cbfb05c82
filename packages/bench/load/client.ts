import { WebSocket } from 'ws'

/** One connection that speaks a peer's wire by hand, so that no client library is measured along with the server. */
export abstract class Client {
  /** An answer to a call, an echo, a stream or a subscription came. */
  onAnswer: () => void = () => undefined
  /** So many items of a stream came. */
  onItems: (count: number) => void = () => undefined
  /** So many messages of a topic came. */
  onMessages: (count: number) => void = () => undefined
  /** The connection is gone. */
  onClose: () => void = () => undefined
  readonly ready: Promise<void>
  readonly #ws: WebSocket
  #settle: { resolve(): void; reject(error: Error): void } = { resolve() {}, reject() {} }
  #waiting: Uint8Array[] = []

  constructor(url: string, protocols: string[] = []) {
    this.ready = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    const ws = new WebSocket(url, protocols, { perMessageDeflate: false, skipUTF8Validation: true })
    this.#ws = ws
    ws.on('open', () => this.begin())
    ws.on('message', (data, isBinary) => this.hear(data as Buffer, isBinary))
    ws.on('error', error => this.#settle.reject(error))
    ws.on('close', code => {
      this.#settle.reject(new Error(`closed with ${code}`))
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
    this.#ws.terminate()
  }

  /** Says goodbye. */
  leave(): void {
    this.#ws.close(1000)
  }

  /** Reads no more: a slow reader. */
  pause(): void {
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

  get #raw(): { bytesWritten: number; bytesRead: number; pause(): void } {
    return (this.#ws as unknown as { _socket: { bytesWritten: number; bytesRead: number; pause(): void } })._socket
  }

  readonly #flush = (): void => {
    const frames = this.#waiting
    this.#waiting = []
    this.#ws.send(frames.length === 1 ? (frames[0] as Uint8Array) : Buffer.concat(frames))
  }
}
