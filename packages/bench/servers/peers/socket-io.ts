/** Socket.IO 4 as its documentation makes it fast: WebSocket alone, the MessagePack parser, no request kept. */
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import parser from 'socket.io-msgpack-parser'
import { items, type Message, type Post, post } from '../../work.ts'
import { host, PORT } from '../host.ts'

type Events = {
  'rooms.post': (input: Post, answer: (message: Message) => void) => void
  'rooms.echo': (input: Uint8Array, answer: (output: Uint8Array) => void) => void
  'rooms.export': (count: number, answer: () => void) => void
  'rooms.feed': (room: string, answer: () => void) => void
}

type Pushed = { readonly item: (message: Message) => void; readonly message: (message: Message) => void }

const http = createServer()
const io = new Server<Events, Pushed>(http, {
  transports: ['websocket'],
  parser,
  serveClient: false,
  perMessageDeflate: false,
  maxHttpBufferSize: 2 * 1_048_576,
})

io.engine.on('connection', (raw: { request: unknown }) => {
  raw.request = null
})

io.on('connection', socket => {
  socket.on('rooms.post', (input, answer) => answer(post(input)))
  socket.on('rooms.echo', (input, answer) => answer(input))
  socket.on('rooms.export', async (count, answer) => {
    for await (const item of items(count)) socket.emit('item', item)
    answer()
  })
  socket.on('rooms.feed', (room, answer) => {
    void socket.join(room)
    answer()
  })
})

http.listen(PORT, '127.0.0.1', () => {
  host({
    port: (http.address() as { port: number }).port,
    publish(times, room, message) {
      for (let i = 0; i < times; i++) io.to(room).emit('message', message)
    },
  })
})
