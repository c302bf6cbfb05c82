import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'

/** Something numbered that was said: enough to see whether one is missing. */
export interface Numbered {
  /** Where it was said; every author counts from 1 in each of these. */
  readonly channel: string
  readonly author: string
  readonly seq: number
  readonly level?: number
}

const MOST_UNSENT = 1_048_576

/** The other lane: the same messages as JSON over a bare WebSocket, without Tautline. */
export class BareLane {
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: 1_024 })

  readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    this.#server.handleUpgrade(request, socket, head, client => client.on('error', () => client.terminate()))
  }

  tell(numbered: Numbered): void {
    const text = JSON.stringify(numbered)
    for (const client of this.#server.clients) if (isReady(client)) client.send(text)
  }

  close(): void {
    for (const client of this.#server.clients) client.terminate()
    this.#server.close()
  }
}

function isReady(client: WebSocket): boolean {
  return client.readyState === client.OPEN && client.bufferedAmount < MOST_UNSENT
}
