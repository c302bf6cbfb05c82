/** A node of Tautline on an engine. */
import { contract, topic } from '@tautline/core'
import { anyone, type Broker, serve } from '@tautline/server'
import * as z from 'zod'
import { host, PORT } from './host.ts'
import { Message } from './schemas.ts'

/** What the broker of each engine is made of. */
const BROKERS: Readonly<Record<string, (port: number) => Promise<Broker>>> = {
  async redis(port) {
    const [{ redis }, { Redis }] = await Promise.all([import('@tautline/redis'), import('ioredis')])
    return redis(new Redis({ port, host: '127.0.0.1', lazyConnect: true }))
  },
  nats: async port => (await import('@tautline/nats')).nats({ servers: `127.0.0.1:${port}` }),
}

const broker = await BROKERS[process.env['ENGINE'] ?? '']?.(Number(process.env['ENGINE_PORT']))
if (!broker) throw new Error('there is no broker for this engine')

const retain = process.env['ENGINE_RETAINS'] ? { count: 500 } : undefined
const params = z.object({ room: z.string() })
const feed = retain ? topic({ params, message: Message, retain }) : topic({ params, message: Message })
const chat = contract({ rooms: { feed } })

const server = await serve(
  chat,
  { port: PORT, host: '127.0.0.1', authenticate: () => ({ context: {} }), broker },
  { rooms: { feed: { subscribe: anyone } } },
)

host({
  port: server.port ?? 0,
  publish(times, room, message) {
    return Promise.all(Array.from({ length: times }, () => server.publish(chat.rooms.feed, { room }, message)))
  },
})
