/** tRPC 11 over `ws`, with zod both ways and no transformer, which is its fastest way. Binary travels as base64. */
import { EventEmitter, on } from 'node:events'
import { initTRPC } from '@trpc/server'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { WebSocketServer } from 'ws'
import * as z from 'zod'
import { items, type Message as MessageType, post } from '../../work.ts'
import { host, PORT } from '../host.ts'
import { Count, Message, Post } from '../schemas.ts'

const events = new EventEmitter().setMaxListeners(0)
const t = initTRPC.create({ isDev: false })

const router = t.router({
  rooms: t.router({
    post: t.procedure
      .input(Post)
      .output(Message)
      .mutation(({ input }) => post(input)),
    echo: t.procedure
      .input(z.string())
      .output(z.string())
      .mutation(({ input }) => input),
    export: t.procedure.input(Count).subscription(async function* ({ input }) {
      for await (const item of items(input)) yield item
    }),
    feed: t.procedure.input(z.object({ room: z.string() })).subscription(async function* ({ input, signal }) {
      for await (const [message] of on(events, input.room, { signal: signal as AbortSignal })) {
        yield message as MessageType
      }
    }),
  }),
})

const server = new WebSocketServer({ port: PORT, host: '127.0.0.1', perMessageDeflate: false })
applyWSSHandler({ wss: server, router, createContext: () => ({}) })

server.on('listening', () => {
  host({
    port: (server.address() as { port: number }).port,
    publish(times, room, message) {
      for (let i = 0; i < times; i++) events.emit(room, message)
    },
  })
})
