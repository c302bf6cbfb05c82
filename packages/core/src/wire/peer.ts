import type { TautlineError } from '../errors.ts'
import { Exchange, type ExchangePeer } from './exchange.ts'
import * as FrameType from './frame-type.ts'
import { type Call, type Frame, ProtocolError, type Publish } from './frames.ts'
import { Link, type LinkEvents, type LinkOptions, type LinkReader } from './link.ts'
import type { Sender } from './replay.ts'

/** What a peer tells the session (server) or connection (client) that owns it. */
export interface PeerEvents extends LinkEvents {
  /** Server: a call, stream or publish begins. */
  opened?(exchange: Exchange, frame: Call | Publish, size: number): void
  /** Any frame that is neither the link's nor an exchange's: subscriptions, TOKEN, DRAIN. */
  frame(frame: Frame, size: number): void
  /** There may be room for more: bytes left, were acknowledged, or a socket came. */
  room?(): void
}

/** How peers are made; one object serves as many as one likes. */
export interface PeerOptions extends LinkOptions {
  /** Bytes of items that a client may send up on each stream before more are granted: `limits.window` of WELCOME. */
  readonly window: number
}

/** What a client says when it opens an exchange. */
export interface Opening {
  /** The frame for a given id; asked again, for the same id, when it must be resent. */
  frame(id: number): Call | Publish
  /** Bytes of items that the server may send before more are granted. */
  readonly window: number
}

/** One end of a session: the link's frames to exchanges by id. It lives as long as the session does. */
export class Peer implements ExchangePeer, LinkReader {
  readonly link: Link
  readonly #options: PeerOptions
  readonly #events: PeerEvents
  #exchanges = NONE
  #newestId = 0
  #lost = false
  #room: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined

  constructor(options: PeerOptions, events: PeerEvents) {
    this.#options = options
    this.#events = events
    this.link = new Link(options, events, this)
  }

  /** Exchanges in flight. */
  get exchanges(): number {
    return this.#exchanges.size
  }

  /**
   * Client: opens an exchange.
   *
   * @throws what {@link Link.send} throws; then nothing was opened.
   */
  open(opening: Opening): Exchange {
    const id = this.#newestId + 1
    const exchange = new Exchange(this, { id, role: 'caller', credit: this.#options.window, window: opening.window })
    this.link.send(opening.frame(id), {
      again: () => (exchange.over ? [FrameType.CANCEL, id] : opening.frame(id)),
    })
    this.#newestId = id
    this.#remember(exchange)
    return exchange
  }

  /** The session is gone: every exchange ends with `error`, and nothing is kept. The one way down. */
  lose(error: TautlineError): void {
    if (this.#lost) return
    this.#lost = true
    this.link.close()
    const exchanges = [...this.#exchanges.values()]
    this.#exchanges.clear()
    for (const exchange of exchanges) exchange.lose(error)
    this.room()
  }

  /** Server: ends every exchange with `error`; the session itself goes on. */
  abort(error: TautlineError): void {
    for (const exchange of [...this.#exchanges.values()]) exchange.abort(error)
  }

  send(frame: Frame, sender?: Sender): number {
    return this.#lost ? 0 : this.link.send(frame, sender)
  }

  whenRoom(): Promise<void> | undefined {
    if (this.#lost || this.link.mayItem) return undefined
    this.#room ??= deferred()
    return this.#room.promise
  }

  forget(exchange: Exchange): void {
    this.#exchanges.delete(exchange.id)
  }

  frame(frame: Frame, size: number): void {
    switch (frame[0]) {
      case FrameType.CALL:
      case FrameType.PUBLISH:
        return this.#opened(frame, size)
      case FrameType.ITEM:
      case FrameType.END:
      case FrameType.FAIL:
      case FrameType.CREDIT:
        return this.#exchangeOf(frame[1])?.receive(frame, size)
      case FrameType.CANCEL:
        if (frame[1] > this.#newestId) this.#newestId = frame[1]
        return this.#exchanges.get(frame[1])?.receive(frame, size)
      default:
        return this.#events.frame(frame, size)
    }
  }

  room(): void {
    const room = this.#room
    if (room && (this.#lost || this.link.mayItem)) {
      this.#room = undefined
      room.resolve()
    }
    this.#events.room?.()
  }

  #opened(frame: Call | Publish, size: number): void {
    const id = frame[1]
    if (id <= this.#newestId) throw new ProtocolError('exchange ids only grow')
    this.#newestId = id
    const credit = (frame[0] === FrameType.CALL && frame[4]?.window) || DEFAULT_WINDOW
    const exchange = new Exchange(this, { id, role: 'callee', credit, window: this.#options.window })
    this.#remember(exchange)
    this.#events.opened?.(exchange, frame, size)
  }

  /** An exchange that is over is `undefined`, and its late frames are ignored. */
  #exchangeOf(id: number): Exchange | undefined {
    if (id > this.#newestId) throw new ProtocolError('a frame for an exchange that was never opened')
    return this.#exchanges.get(id)
  }

  #remember(exchange: Exchange): void {
    if (this.#exchanges === NONE) this.#exchanges = new Map()
    this.#exchanges.set(exchange.id, exchange)
  }
}

/** Of all peers that have never had an exchange: most are idle. */
const NONE = new Map<number, Exchange>()

/** Credit down of a CALL that names none, in bytes (protocol.md, "Flow"). */
export const DEFAULT_WINDOW = 256 * 1024

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>(settle => {
    resolve = settle
  })
  return { promise, resolve }
}
