/** What a {@link Socket} tells the one who uses it. Everything here is called by the transport and must not throw. */
export interface SocketEvents {
  /** The socket is ready; called once, and only by sockets that were dialled. */
  open?(): void
  /**
   * One WebSocket message. The bytes belong to the receiver until it returns; for good when they are `given`, so that
   * nobody changes them any more.
   */
  message(bytes: Uint8Array, given?: boolean): void
  /** Some of the unsent bytes have been written out; at least once whenever none are left. */
  drain(): void
  /** The socket is gone, for whatever reason; called once, and nothing after it. */
  close(code: number, reason: string): void
}

/**
 * A transport: what carries Tautline's messages, one WebSocket or anything that behaves like one.
 * Messages arrive whole, in order, each once, until the socket closes.
 */
export interface Socket {
  /** Bytes that were handed to {@link Socket.send} and are not yet written out. */
  readonly bufferedAmount: number
  /** Sends one binary message. The bytes are not changed afterwards. Ignored once the socket is closing. */
  send(message: Uint8Array): void
  /** Says goodbye with a close code and a reason of at most 123 bytes. Ignored once the socket is closing. */
  close(code: number, reason: string): void
  /** Gives the socket up at once, without waiting for the other side; `close` may or may not be told. */
  abandon(): void
  /** Stops reading. A transport that cannot leaves this out, and what arrives is held within a limit. */
  pause?(): void
  /** Reads again after {@link Socket.pause}. */
  resume?(): void
  /** Says who is to be told; replaces whoever was told before. Called before the first message can arrive. */
  listen(events: SocketEvents): void
}
