/** The floor: what one writes by hand on `ws` and MessagePack. Nothing is checked; one `send` per message. */
import { decode, encode } from '@msgpack/msgpack'
import { type WebSocket, WebSocketServer } from 'ws'
import { items, type Post, post } from '../work.ts'
import { host, PORT } from './host.ts'

const HIGH_WATER = 1_048_576

const subscribers = new Set<WebSocket>()
const server = new WebSocketServer({ port: PORT, host: '127.0.0.1', maxPayload: 1_048_576, perMessageDeflate: false })

server.on('connection', ws => {
  ws.on('message', data => void receive(ws, decode(data as Buffer) as [number, string, unknown]))
  ws.on('close', () => subscribers.delete(ws))
})

async function receive(ws: WebSocket, [id, entry, input]: [number, string, unknown]): Promise<void> {
  switch (entry) {
    case 'rooms.post':
      return ws.send(encode([id, post(input as Post)]))
    case 'rooms.echo':
      return ws.send(encode([id, input]))
    case 'rooms.export':
      for await (const item of items(input as number)) {
        ws.send(encode([id, item]))
        if (ws.bufferedAmount > HIGH_WATER) await drained(ws)
      }
      return ws.send(encode([id]))
    case 'rooms.feed':
      subscribers.add(ws)
      return ws.send(encode([id]))
  }
}

async function drained(ws: WebSocket): Promise<void> {
  while (ws.bufferedAmount > HIGH_WATER / 4) await new Promise(resolve => setTimeout(resolve, 1))
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
