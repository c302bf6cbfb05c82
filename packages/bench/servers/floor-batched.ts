/** The floor, tuned further: what both sides send in one tick is one WebSocket message. */
import { decodeMulti, Encoder } from '@msgpack/msgpack'
import { type WebSocket, WebSocketServer } from 'ws'
import { items, type Post, post } from '../work.ts'
import { host, PORT } from './host.ts'

const HIGH_WATER = 1_048_576

const encoder = new Encoder()
const subscribers = new Set<Batched>()
const server = new WebSocketServer({ port: PORT, host: '127.0.0.1', maxPayload: 1_048_576, perMessageDeflate: false })

/** A WebSocket that says at the end of a tick what it was told in it. */
class Batched {
  readonly #ws: WebSocket
  #frames: Uint8Array[] = []

  constructor(ws: WebSocket) {
    this.#ws = ws
  }

  get isFull(): boolean {
    return this.#ws.bufferedAmount > HIGH_WATER
  }

  send(frame: Uint8Array): void {
    if (this.#frames.length === 0) process.nextTick(this.#flush)
    this.#frames.push(frame)
  }

  readonly #flush = (): void => {
    const frames = this.#frames
    this.#frames = []
    this.#ws.send(frames.length === 1 ? (frames[0] as Uint8Array) : Buffer.concat(frames))
  }
}

server.on('connection', ws => {
  const batched = new Batched(ws)
  ws.on('message', data => {
    for (const frame of decodeMulti(data as Buffer)) void receive(batched, frame as [number, string, unknown])
  })
  ws.on('close', () => subscribers.delete(batched))
})

async function receive(ws: Batched, [id, entry, input]: [number, string, unknown]): Promise<void> {
  switch (entry) {
    case 'rooms.post':
      return ws.send(encoder.encode([id, post(input as Post)]))
    case 'rooms.echo':
      return ws.send(encoder.encode([id, input]))
    case 'rooms.export':
      for await (const item of items(input as number)) {
        ws.send(encoder.encode([id, item]))
        while (ws.isFull) await new Promise(resolve => setTimeout(resolve, 1))
      }
      return ws.send(encoder.encode([id]))
    case 'rooms.feed':
      subscribers.add(ws)
      return ws.send(encoder.encode([id]))
  }
}

server.on('listening', () => {
  host({
    port: (server.address() as { port: number }).port,
    publish(times, _room, message) {
      for (let i = 0; i < times; i++) {
        const frame = encoder.encode([0, message])
        for (const ws of subscribers) ws.send(frame)
      }
    },
  })
})
