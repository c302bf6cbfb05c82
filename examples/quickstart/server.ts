import { anyone, type Handlers, serve } from '@tautline/server'
import { chat } from './contract.ts'

const handlers: Handlers<typeof chat> = {
  async post({ room, author, text }, call) {
    await call.publish(chat.feed, { room }, { author, text, at: new Date() })
  },
  async *ask({ question }) {
    for (const word of `You asked: ${question}`.split(' ')) yield word
  },
  feed: { subscribe: anyone },
}

const server = await serve(chat, { port: 3000, authenticate: anyone }, handlers)
process.once('SIGTERM', () => server.close())
