/** Tautline with everything on: validation both ways, sessions, replay, limits. Only the rate is raised. */
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import * as z from 'zod'
import { items, MESSAGE, post } from '../work.ts'
import { host, PORT } from './host.ts'
import { Blob, Count, Message, Post } from './schemas.ts'

/** Another checkout may be measured beside this one. */
const root = process.env['BENCH_CHECKOUT']
const require = createRequire(root === undefined ? import.meta.url : pathToFileURL(`${root}/package.json`))
const load = (name: string) => import(pathToFileURL(require.resolve(name)).href)
const { contract, procedure, stream, topic } = (await load('@tautline/core')) as typeof import('@tautline/core')
const { serve, anyone } = (await load('@tautline/server')) as typeof import('@tautline/server')

/** Entries that nobody calls, for who wants to know what a large contract costs. */
const idle = Array.from({ length: Number(process.env['BENCH_ENTRIES'] ?? 0) }, (_, i) => `idle${i}`)

const chat = contract({
  rooms: {
    post: procedure({ input: Post, output: Message }),
    echo: procedure({ input: Blob, output: Blob }),
    export: stream({ input: Count, down: Message }),
    feed: topic({ params: z.object({ room: z.string() }), message: Message, retain: { count: 500 } }),
  },
  idle: Object.fromEntries(idle.map(name => [name, procedure({ input: Post, output: Message })])),
})

const server = await serve(
  chat,
  {
    port: PORT,
    host: '127.0.0.1',
    authenticate: () => ({ context: {} }),
    limits: { rate: 2 ** 31 - 1, burst: 2 ** 31 - 1 },
  },
  {
    rooms: { post, echo: bytes => bytes, export: items, feed: { subscribe: anyone } },
    idle: Object.fromEntries(idle.map(name => [name, post])),
  },
)

host({
  port: server.port ?? 0,
  publish(times, room = 'lobby') {
    const published = Array.from({ length: times }, () => server.publish(chat.rooms.feed, { room }, MESSAGE))
    return Promise.all(published)
  },
})
