/** oRPC over `ws`, with zod both ways. Binary travels as a Blob. */
import { EventPublisher, os } from '@orpc/server'
import { RPCHandler } from '@orpc/server/ws'
import { WebSocketServer } from 'ws'
import * as z from 'zod'
import { items, type Message as MessageType, post } from '../../work.ts'
import { host, PORT } from '../host.ts'
import { Count, Message, Post } from '../schemas.ts'

const publisher = new EventPublisher<Record<string, MessageType>>()

const router = {
  rooms: {
    post: os
      .input(Post)
      .output(Message)
      .handler(({ input }) => post(input)),
    echo: os
      .input(z.instanceof(Blob))
      .output(z.instanceof(Blob))
      .handler(({ input }) => input),
    export: os.input(Count).handler(async function* ({ input }) {
      for await (const item of items(input)) yield item
    }),
    feed: os.input(z.object({ room: z.string() })).handler(({ input, signal }) => {
      return publisher.subscribe(input.room, { signal })
    }),
  },
}

const handler = new RPCHandler(router)
const server = new WebSocketServer({ port: PORT, host: '127.0.0.1', perMessageDeflate: false })
server.on('connection', ws => void handler.upgrade(ws, { context: {} }))

server.on('listening', () => {
  host({
    port: (server.address() as { port: number }).port,
    publish(times, room, message) {
      for (let i = 0; i < times; i++) publisher.publish(room, message)
    },
  })
})
