/** The floor, tuned: what is written in one tick leaves in one write. Each message is still one of the WebSocket's. */
import { decode, encode } from '@msgpack/msgpack'
import { type WebSocket, WebSocketServer } from 'ws'
import { items, type Post, post } from '../work.ts'
import { host, PORT } from './host.ts'

const HIGH_WATER = 1_048_576

const subscribers = new Set<Corked>()
const server = new WebSocketServer({ port: PORT, host: '127.0.0.1', maxPayload: 1_048_576, perMessageDeflate: false })

/** A WebSocket whose TCP socket is corked from the first message of a tick to the end of it. */
class Corked {
  readonly #ws: WebSocket
  readonly #raw: { cork(): void; uncork(): void }
  #corked = false

  constructor(ws: WebSocket) {
    this.#ws = ws
    this.#raw = (ws as unknown as { _socket: { cork(): void; uncork(): void } })._socket
  }

  get isFull(): boolean {
    return this.#ws.bufferedAmount > HIGH_WATER
  }

  send(message: Uint8Array): void {
    if (!this.#corked) {
      this.#corked = true
      this.#raw.cork()
      process.nextTick(this.#uncork)
    }
    this.#ws.send(message)
  }

  readonly #uncork = (): void => {
    this.#corked = false
    this.#raw.uncork()
  }
}

server.on('connection', ws => {
  const corked = new Corked(ws)
  ws.on('message', data => void receive(corked, decode(data as Buffer) as [number, string, unknown]))
  ws.on('close', () => subscribers.delete(corked))
})

async function receive(ws: Corked, [id, entry, input]: [number, string, unknown]): Promise<void> {
  switch (entry) {
    case 'rooms.post':
      return ws.send(encode([id, post(input as Post)]))
    case 'rooms.echo':
      return ws.send(encode([id, input]))
    case 'rooms.export':
      for await (const item of items(input as number)) {
        ws.send(encode([id, item]))
        while (ws.isFull) await new Promise(resolve => setTimeout(resolve, 1))
      }
      return ws.send(encode([id]))
    case 'rooms.feed':
      subscribers.add(ws)
      return ws.send(encode([id]))
  }
}

server.on('listening', () => {
  host({
    port: (server.address() as { port: number }).port,
    publish(times, _room, message) {
      for (let i = 0; i < times; i++) {
        const frame = encode([0, message])
        for (const ws of subscribers) ws.send(frame)
      }
    },
  })
})
