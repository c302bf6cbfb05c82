/**
 * Tautline sockets on [ws](https://github.com/websockets/ws): what `serve` uses in Node, and what to give
 * `server.accept` where an application does its upgrades itself.
 *
 * @module
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { CloseCode, reasonOf, type Socket, type SocketEvents } from '@tautline/core/wire'
import { type PerMessageDeflateOptions, type ServerOptions, WebSocketServer } from 'ws'

/** The subprotocol of version 1 (docs/protocol.md, "Ground rules"). */
export const SUBPROTOCOL = 'tautline.1'

/** How long a goodbye may take, in ms. */
const CLOSE_MS = 3_000
/** Pings and pongs of a WebSocket per second; browsers send none, and nobody needs more than a few. */
const CONTROL_FRAMES = 100
/** Whoever goes on for so many bytes after it was told to stop is not waited for. */
const DEAF_BYTES = 65_536

/** Up to so many bytes, copying a message costs less than writing it and its head apart. */
const FRAMED_BYTES = 16_384
/** Written after what waits, to be told when that has left. */
const NOTHING = new Uint8Array()
/** `readyState` of a WebSocket that is open. */
const OPEN = 1

/** What upgrades keep to; see the limits of the same names. */
export interface UpgradeLimits {
  readonly messageBytes: number
  readonly fragments: number
  readonly chunks: number
  readonly pongs: number
}

/** Completes upgrades that have been let in. A request that is no WebSocket handshake is answered with an HTTP error. */
export type Upgrade = (request: IncomingMessage, raw: Duplex, head: Buffer, opened: (socket: WsSocket) => void) => void

/**
 * `permessage-deflate`, where it is asked for. Each socket that has compressed keeps its windows for good: these are a
 * quarter of the usual ones. No window lives longer than a message, so that no message tells anything of another.
 */
const COMPRESSION: PerMessageDeflateOptions = {
  threshold: 1_024,
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: 12,
  zlibDeflateOptions: { memLevel: 5 },
}

/**
 * Makes what turns upgrade requests into sockets.
 *
 * @param compression - whether messages of 1 KiB and more are compressed for clients that offer it. However well one is
 * compressed, it may be no larger than `messageBytes`.
 */
export function upgrader(limits: UpgradeLimits, compression = false): Upgrade {
  const { messageBytes, fragments, chunks, pongs } = limits
  // Younger than its types.
  const options: ServerOptions & { readonly maxPendingAutoPongs: number; readonly closeTimeout: number } = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: compression && COMPRESSION,
    maxPayload: messageBytes,
    // One message per socket and turn, so that nobody waits for all that somebody else has sent.
    allowSynchronousEvents: false,
    maxFragments: fragments,
    maxBufferedChunks: chunks,
    maxPendingAutoPongs: pongs,
    closeTimeout: CLOSE_MS,
    handleProtocols: offered => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : foreignOf(offered)),
  }
  const server = new WebSocketServer(options)
  return (request, raw, head, opened) => {
    server.handleUpgrade(request, raw, head, ws => {
      const socket = new WsSocket(ws, raw)
      opened(socket)
      if (ws.protocol !== SUBPROTOCOL) socket.close(CloseCode.VERSION, `this server speaks ${SUBPROTOCOL}`)
    })
  }
}

/** Whether the subprotocols that a client offers are ours at all, be it in another version. */
export function offersTautline(offered: string | undefined): boolean {
  if (offered === undefined || offered === SUBPROTOCOL) return offered !== undefined
  return foreignOf(new Set(offered.split(',').map(name => name.trim()))) !== false
}

/** Another version is chosen too, since only who is connected can be told to stop. */
function foreignOf(offered: Set<string>): string | false {
  for (const name of offered) if (name.startsWith('tautline.')) return name
  return false
}

/** The parts of `net.Socket` by which a socket tells what it has read and written; the last two are Node's own. */
interface Raw extends Duplex {
  readonly bytesRead?: number
  readonly _handle?: { readonly writeQueueSize?: number } | null
  readonly _writableState?: { readonly writelen?: number }
}

/** As much of a WebSocket of `ws` as is used: who imports this module needs no types of `ws`. */
export interface WebSocketOfWs {
  readonly bufferedAmount: number
  readonly extensions: string
  readonly isPaused: boolean
  readonly readyState: number
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'message', listener: (data: unknown, isBinary: boolean) => void): unknown
  on(event: 'ping' | 'pong', listener: () => void): unknown
  on(event: 'close', listener: (code: number, reason: { toString(): string }) => void): unknown
  send(data: Uint8Array, sent: () => void): void
  close(code: number, reason: string): void
  terminate(): void
  pause(): void
  resume(): void
}

/** Where a WebSocket has its socket, so that one listener serves all of them: there are thousands. */
const SOCKET = Symbol('socket')

type Socketed = WebSocketOfWs & { [SOCKET]: WsSocket }

/** An open WebSocket of `ws`, as Tautline uses it. */
export class WsSocket implements Socket {
  static readonly #listeners = {
    error(this: Socketed, error: Error): void {
      this[SOCKET].#failed(error)
    },
    message(this: Socketed, data: unknown, isBinary: boolean): void {
      this[SOCKET].#message(data, isBinary)
    },
    control(this: Socketed): void {
      this[SOCKET].#control()
    },
    close(this: Socketed, code: number, reason: { toString(): string }): void {
      this[SOCKET].#closed(code, reason.toString())
    },
  }
  /** Told when it is gone, after whoever listens. */
  onGone: ((socket: WsSocket) => void) | undefined
  readonly #ws: WebSocketOfWs
  readonly #raw: Raw | undefined
  /** Where whole WebSocket frames may be written to; nowhere when `ws` compresses, and may keep some back. */
  readonly #direct: Duplex | undefined
  #events: SocketEvents | undefined
  #closing = false
  /** Whether bytes wait here: those that the kernel took at once are nothing to tell of. */
  #behind = false
  #failure = 0
  #readBefore = 0
  #partialSince: number | undefined
  #controls = 0
  #controlsIn = 0

  /**
   * @param ws - a WebSocket that is open, and that nobody else listens to.
   * @param raw - the TCP or TLS socket below it, by which half-sent messages are found.
   */
  constructor(ws: WebSocketOfWs, raw?: Duplex) {
    this.#ws = ws
    this.#raw = raw
    this.#direct = ws.extensions === '' ? raw : undefined
    this.#whole()
    ;(ws as Socketed)[SOCKET] = this
    ws.on('error', WsSocket.#listeners.error)
    ws.on('message', WsSocket.#listeners.message)
    ws.on('ping', WsSocket.#listeners.control)
    ws.on('pong', WsSocket.#listeners.control)
    ws.on('close', WsSocket.#listeners.close)
  }

  get bufferedAmount(): number {
    const buffered = this.#buffered
    return buffered === 0 ? 0 : Math.max(0, buffered - underWay(this.#raw))
  }

  listen(events: SocketEvents): void {
    this.#events = events
  }

  send(message: Uint8Array): void {
    if (this.#closing) return
    const raw = this.#direct
    if (raw && message.length <= FRAMED_BYTES && this.#ws.readyState === OPEN) raw.write(framed(message))
    else this.#ws.send(message, this.#sent)
    this.#watch()
  }

  close(code: number, reason: string): void {
    if (this.#closing) return
    this.#closing = true
    this.#ws.resume()
    this.#ws.close(code, reason)
  }

  abandon(): void {
    this.#closing = true
    this.#ws.terminate()
  }

  pause(): void {
    if (!this.#closing) this.#ws.pause()
    this.#whole()
  }

  resume(): void {
    this.#ws.resume()
  }

  /** Gives the socket up when a message has begun and not ended for so many ms. To be asked now and then. */
  judge(now: number, messageMs: number): void {
    const read = this.#raw?.bytesRead ?? 0
    if (read === this.#readBefore || this.#ws.isPaused) this.#partialSince = undefined
    else if (this.#partialSince === undefined) this.#partialSince = now
    else if (now - this.#partialSince >= messageMs) this.abandon()
  }

  /**
   * Lets no more than so many bytes in, whether or not they make up a message: nobody knows yet who sends them.
   *
   * @returns what lifts the limit.
   */
  restrict(bytes: number): () => void {
    const raw = this.#raw
    let left = bytes
    const count = (chunk: Uint8Array): void => {
      left -= chunk.length
      if (left < -DEAF_BYTES) this.abandon()
      else if (left < 0) this.close(CloseCode.PROTOCOL_ERROR, `more than ${bytes} bytes before WELCOME`)
    }
    raw?.on('data', count)
    return () => raw?.off('data', count)
  }

  /** This process was asleep: how long that took says nothing about the other side. */
  grace(): void {
    this.#partialSince = undefined
  }

  /** Where nothing is kept back, it is all in the stream below, which has just been looked at anyway. */
  get #buffered(): number {
    return this.#direct ? this.#direct.writableLength : this.#ws.bufferedAmount
  }

  /** Nearly always the kernel takes all of it at once; only else it is worth a callback to learn when it has. */
  #watch(): void {
    if (this.#behind || this.#buffered === 0) return
    this.#behind = true
    if (!this.#closing && this.#ws.readyState === OPEN) this.#direct?.write(NOTHING, this.#sent)
  }

  readonly #sent = (): void => {
    if (!this.#behind) return
    this.#behind = false
    this.#watch()
    this.#events?.drain()
  }

  #message(data: unknown, isBinary: boolean): void {
    this.#whole()
    if (this.#closing) return
    if (!isBinary || !(data instanceof Uint8Array)) {
      return this.close(CloseCode.PROTOCOL_ERROR, 'only binary messages')
    }
    // Never a Buffer: `slice` and `toString` of what handlers get are those of a Uint8Array. Neither Node nor `ws` writes
    // again to memory that a message lies in.
    this.#events?.message(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), true)
  }

  /** A ping costs its sender six bytes, and each is answered. */
  #control(): void {
    this.#whole()
    const second = Math.floor(performance.now() / 1_000)
    if (second !== this.#controlsIn) this.#controls = 0
    this.#controlsIn = second
    this.#controls += 1
    if (this.#controls <= CONTROL_FRAMES || this.#closing) return
    this.close(CloseCode.POLICY, 'too many pings')
    this.#ws.pause()
  }

  #whole(): void {
    this.#readBefore = this.#raw?.bytesRead ?? 0
    this.#partialSince = undefined
  }

  /** `close` follows; on this side its code says nothing. */
  #failed(error: Error): void {
    const code = 'code' in error ? error.code : undefined
    if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') this.#failure = CloseCode.TOO_BIG
    else if (code === 'WS_ERR_TOO_MANY_BUFFERED_PARTS') this.#failure = CloseCode.POLICY
  }

  #closed(code: number, reason: string): void {
    const events = this.#events
    this.#events = undefined
    events?.close(this.#failure || code, reasonOf(reason))
    this.onGone?.(this)
  }
}

/** What was framed last: a publication goes to many sockets, one after another. */
let last: { readonly message: Uint8Array; readonly frame: Uint8Array } | undefined

/** A message as one WebSocket frame of a server (RFC 6455, section 5.2): binary, final, not masked. */
function framed(message: Uint8Array): Uint8Array {
  if (last?.message === message) return last.frame
  const { length } = message
  const head = length < 126 ? 2 : 4
  const frame = Buffer.allocUnsafe(head + length)
  frame[0] = 0x82
  frame[1] = length < 126 ? length : 126
  if (head === 4) frame.writeUInt16BE(length, 2)
  frame.set(message, head)
  last = { message, frame }
  return frame
}

/**
 * Node counts what was written in one go as unsent until its last byte has left, be it a megabyte on a thin line, which
 * then looks like a reader without progress. What has left of it is known below.
 */
function underWay(raw: Raw | undefined): number {
  const left = raw?._handle?.writeQueueSize
  return left === undefined ? 0 : Math.max(0, (raw?._writableState?.writelen ?? 0) - left)
}
