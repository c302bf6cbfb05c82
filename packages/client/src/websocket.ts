import type { Clock, Socket, SocketEvents } from '@tautline/core/wire'
import * as CloseCode from '@tautline/core/wire/close-code'
import { platformWebSocket } from '#websocket'

/** A class like the browser's `WebSocket`; that of `ws` is one. */
export type WebSocketClass = new (url: string, protocol: string) => WebSocketLike

/** As much of a `WebSocket` as is used. */
export interface WebSocketLike {
  binaryType: string
  readonly bufferedAmount: number
  readonly readyState: number
  readonly protocol: string
  onopen: ((event: never) => unknown) | null
  onmessage: ((event: never) => unknown) | null
  onclose: ((event: never) => unknown) | null
  onerror: ((event: never) => unknown) | null
  send(message: Uint8Array<ArrayBuffer>): void
  close(code?: number, reason?: string): void
  /** Where it is there, it is quicker than `close`. */
  terminate?(): void
}

const PROTOCOL = 'tautline.1'

/** How often unsent bytes are looked at, in ms: a WebSocket does not tell when they leave. */
const POLL_MS = 20

/** What a dial with a WebSocket needs. */
export interface WebSocketOptions {
  readonly clock: Clock
  /** The largest message to take, in bytes. */
  readonly messageBytes: number
  /** The platform's unless told otherwise. */
  readonly WebSocket?: WebSocketClass | undefined
}

/**
 * Dials with a WebSocket.
 *
 * @throws what the class throws: the URL is malformed, or the page may not use it.
 */
export function webSocket(url: string, { clock, messageBytes, WebSocket }: WebSocketOptions): Socket {
  const Class: WebSocketClass = WebSocket ?? platformWebSocket(messageBytes)
  const socket = new Class(url, PROTOCOL)
  let events: SocketEvents | undefined
  let polling: unknown

  const poll = (): void => {
    polling = socket.bufferedAmount > 0 ? clock.setTimeout(poll, POLL_MS) : undefined
    events?.drain()
  }
  const finish = (code: number, reason: string): void => {
    const told = events
    events = undefined
    clock.clearTimeout(polling)
    told?.close(code, reason)
  }
  /** The close event of a broken line may come minutes later: nobody waits for it. */
  const refuse = (reason: string): void => {
    socket.close(CloseCode.PROTOCOL_ERROR, reason)
    finish(CloseCode.PROTOCOL_ERROR, reason)
  }

  socket.binaryType = 'arraybuffer'
  socket.onopen = () => (socket.protocol === PROTOCOL ? events?.open?.() : refuse('not a Tautline server'))
  socket.onmessage = ({ data }: { readonly data: unknown }) =>
    data instanceof ArrayBuffer ? events?.message(new Uint8Array(data), true) : refuse('a text message')
  socket.onclose = ({ code, reason }: { readonly code: number; readonly reason: string }) => finish(code, reason)
  // Always followed by `close`; without a listener some classes throw.
  socket.onerror = () => undefined

  return {
    get bufferedAmount() {
      return socket.bufferedAmount
    },
    send(message) {
      if (socket.readyState !== 1) return
      socket.send(message as Uint8Array<ArrayBuffer>)
      if (socket.bufferedAmount > 0) polling ??= clock.setTimeout(poll, POLL_MS)
    },
    close(code, reason) {
      // Browsers allow a page no other code below 3000.
      socket.close(code < 3_000 ? CloseCode.DONE : code, reason)
    },
    abandon() {
      finish(CloseCode.ABNORMAL, '')
      if (socket.terminate) socket.terminate()
      else socket.close(CloseCode.SILENT)
    },
    listen(listener) {
      events = listener
    },
  }
}
