import type { Server as HttpServer, IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Socket } from '@tautline/core/wire'
import { Arrival } from './arrival.ts'
import { Crowd, type Guest } from './crowd.ts'
import type { Failures } from './failures.ts'
import { refuse, upgradeOnlyServer } from './http.ts'
import type { Settings } from './options.ts'
import { mayEnter } from './origin.ts'
import { offersTautline, SUBPROTOCOL, type Upgrade, upgrader, type WsSocket } from './ws.ts'

/** Where the sockets that come through a door go. */
export interface Hall {
  /** Whether one more client that nobody knows may come in. */
  readonly open: boolean
  /** Whether it is this server that a client from that address should come to. Asked last, and once per client. */
  admits(address: string | undefined): boolean
  /** `onKnown` is called when the client has a session. */
  enter(socket: Socket, arrival: Arrival, onKnown: () => void): void
}

/** Who is turned away for now may ask again after so many seconds. */
const RETRY = { 'Retry-After': '1' }

/** What a HELLO may have around it, in bytes: the head of its WebSocket frame, and a ping or two. */
const FRAMING = 512

/** Where clients come in: the upgrade requests of one HTTP server, on one path. */
export class Door {
  readonly #settings: Settings
  readonly #hall: Hall
  readonly #http: HttpServer
  readonly #owned: boolean
  readonly #upgrade: Upgrade
  readonly #crowd: Crowd
  readonly #sockets = new Map<WsSocket, Guest>()
  #emptied: (() => void) | undefined

  /** Opens a door on the server's own port, or in the HTTP server that was given. */
  static async open(settings: Settings, hall: Hall, failures: Failures): Promise<Door> {
    const door = new Door(settings, hall)
    if (!door.#owned) return door
    await listening(door.#http, settings)
    door.#http.on('error', error => failures.report(error, 'port'))
    return door
  }

  private constructor(settings: Settings, hall: Hall) {
    this.#settings = settings
    this.#hall = hall
    this.#owned = settings.server === undefined
    this.#http = settings.server ?? upgradeOnlyServer(settings.limits)
    this.#upgrade = upgrader(settings.limits, settings.compression)
    this.#crowd = new Crowd(settings.limits.unauthenticatedPerAddress, settings.limits.unauthenticated)
    this.#http.on('upgrade', this.#asked)
  }

  /** The port it listens on; `undefined` while it does not. */
  get port(): number | undefined {
    const address = this.#http.address()
    return typeof address === 'object' ? address?.port : undefined
  }

  /** Where a client on this machine connects. */
  get url(): string | undefined {
    const scheme = 'setSecureContext' in this.#http ? 'wss' : 'ws'
    return this.port === undefined ? undefined : `${scheme}://localhost:${this.port}${this.#settings.path}`
  }

  /** Gives up sockets on which a message has begun and does not end. */
  sweep(now: number, stalled: boolean): void {
    for (const socket of this.#sockets.keys()) {
      if (stalled) socket.grace()
      else socket.judge(now, this.#settings.limits.messageMs)
    }
  }

  /** Resolves when every socket is gone, each of which was closed before, and the port is free again. */
  async close(): Promise<void> {
    this.#http.off('upgrade', this.#asked)
    const freed = this.#owned ? closed(this.#http) : undefined
    if (this.#sockets.size > 0) {
      await new Promise<void>(resolve => {
        this.#emptied = resolve
      })
    }
    await freed
  }

  /** Gives up whatever sockets are left. */
  abandon(): void {
    for (const socket of this.#sockets.keys()) socket.abandon()
  }

  readonly #asked = (request: IncomingMessage, raw: Duplex, head: Buffer): void => {
    const { path, proxies, origins } = this.#settings
    if (pathOf(request) !== path) return this.#notOurs(raw)
    raw.on('error', ignore)
    const arrival = new Arrival({
      headers: request.headers,
      url: request.url,
      address: addressOf(request, proxies),
      secure: 'encrypted' in request.socket,
    })
    if (!offersTautline(request.headers['sec-websocket-protocol'])) {
      return refuse(raw, 400, `Sec-WebSocket-Protocol must offer ${SUBPROTOCOL}`)
    }
    if (!mayEnter(origins, arrival, proxies > 0)) return refuse(raw, 403, 'This origin may not connect')
    if (!this.#hall.open) return refuse(raw, 503, 'No room at the moment', RETRY)
    if (!this.#crowd.mayEnter(arrival.address)) return refuse(raw, 429, 'Too many at once', RETRY)
    if (!this.#hall.admits(arrival.address)) return refuse(raw, 503, 'Another server is better off', RETRY)
    this.#upgrade(request, raw, head, socket => this.#opened(socket, arrival))
  }

  #opened(socket: WsSocket, arrival: Arrival): void {
    const guest = this.#crowd.enter(arrival.address)
    this.#sockets.set(socket, guest)
    socket.onGone = this.#gone
    const unrestrict = socket.restrict(this.#settings.limits.helloBytes + FRAMING)
    this.#hall.enter(socket, arrival, () => {
      unrestrict()
      this.#crowd.know(guest)
    })
  }

  readonly #gone = (socket: WsSocket): void => {
    const guest = this.#sockets.get(socket)
    if (!guest) return
    this.#sockets.delete(socket)
    this.#crowd.leave(guest)
    if (this.#sockets.size === 0) this.#emptied?.()
  }

  /**
   * An upgrade of another path belongs to whoever else listens. When nobody does, nobody will ever answer it, and Node
   * has taken its time limits off.
   */
  #notOurs(raw: Duplex): void {
    if (!this.#owned && this.#http.listenerCount('upgrade') > 1) return
    raw.on('error', ignore)
    refuse(raw, 404, 'There is no WebSocket here')
  }
}

function pathOf({ url = '' }: IncomingMessage): string {
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}

/** Of `X-Forwarded-For`, what the farthest trusted proxy saw; what stands before it, anybody could have written. */
function addressOf(request: IncomingMessage, proxies: number): string | undefined {
  const direct = request.socket.remoteAddress
  if (proxies === 0) return direct
  const told = String(request.headers['x-forwarded-for'] ?? '')
    .split(',')
    .map(address => address.trim())
  const address = told.at(-proxies) ?? told[0] ?? ''
  return isIP(address) === 0 ? direct : address
}

function listening(http: HttpServer, { port, host }: Settings): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once('error', reject)
    http.listen({ port, host }, () => {
      http.off('error', reject)
      resolve()
    })
  })
}

function closed(http: HttpServer): Promise<void> {
  return new Promise(resolve => {
    http.close(() => resolve())
    http.closeAllConnections()
  })
}

/** A socket that fails closes as well, and that is what counts. */
function ignore(): void {}
