/** Tautline with everything on: validation both ways, sessions, replay, limits. Only the rate is raised. */
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { items, post } from '../work.ts'
import { chatOf } from './chat.ts'
import { host, PORT } from './host.ts'

/** Another checkout may be measured beside this one. */
const root = process.env['BENCH_CHECKOUT']
const require = createRequire(root === undefined ? import.meta.url : pathToFileURL(`${root}/packages/server/`))
const load = (name: string) => import(pathToFileURL(require.resolve(name)).href)
const core = (await load('@tautline/core')) as typeof import('@tautline/core')
const { serve, anyone } = (await load('@tautline/server')) as typeof import('@tautline/server')

/** Where a page comes from, if one does. */
const origin = process.env['BENCH_ORIGIN']

const chat = chatOf(core, Number(process.env['BENCH_ENTRIES'] ?? 0))

const server = await serve(
  chat,
  {
    port: PORT,
    host: '127.0.0.1',
    authenticate: () => ({ context: {} }),
    ...(origin && { origins: [origin] }),
    limits: { rate: 2 ** 31 - 1, burst: 2 ** 31 - 1 },
  },
  {
    rooms: { post, echo: bytes => bytes, export: items, feed: { subscribe: anyone } },
    idle: Object.fromEntries(Object.keys(chat.idle).map(name => [name, post])),
  },
)

host({
  port: server.port ?? 0,
  publish(times, room, message) {
    return Promise.all(Array.from({ length: times }, () => server.publish(chat.rooms.feed, { room }, message)))
  },
})
