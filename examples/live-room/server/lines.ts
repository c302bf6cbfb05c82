import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** The TCP connections of every page, by the key that the page puts into the URLs of its WebSockets. */
export class Lines {
  readonly #sockets = new Map<string, Set<Socket>>()

  readonly upgrade = (request: IncomingMessage, socket: Duplex): void => {
    const key = keyOf(request)
    if (key === undefined) return
    const sockets = this.#sockets.get(key) ?? new Set()
    this.#sockets.set(key, sockets.add(socket as Socket))
    socket.once('close', () => {
      sockets.delete(socket as Socket)
      if (sockets.size === 0 && this.#sockets.get(key) === sockets) this.#sockets.delete(key)
    })
  }

  /** Resets the page's connections, both ways, in the middle of whatever they carry. Answers how many there were. */
  cut(request: IncomingMessage): number {
    const sockets = [...(this.#sockets.get(keyOf(request) ?? '') ?? [])]
    for (const socket of sockets) socket.resetAndDestroy()
    return sockets.length
  }
}

function keyOf(request: IncomingMessage): string | undefined {
  const key = new URL(request.url ?? '/', 'http://here').searchParams.get('line')
  return key !== null && /^[\w-]{16,64}$/.test(key) ? key : undefined
}
