/**
 * One server of many: `REDIS_URL=redis://… SERVER=A PORT=3001 tsx server.ts`. It leaves in good order on SIGTERM.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { redis } from '@tautline/redis'
import { serve } from '@tautline/server'
import { Redis } from 'ioredis'
import { cluster } from './contract.ts'
import { HALL } from './hall.ts'
import { handlersOf } from './server/handlers.ts'
import { answer } from './server/page.ts'

const { REDIS_URL = 'redis://localhost:6379', SERVER = 'A', PORT = '3001', PROXIES = '0' } = process.env

const SAYS_HOW_IT_IS_MS = 1_000
const DRAIN_MS = 10_000

const here = { server: SERVER, pid: process.pid }
const broker = redis(new Redis(REDIS_URL, { lazyConnect: true }), { prefix: 'cluster' })
const http = createServer((request, response) => answer(request, response, () => server.ready))
const server = await serve(
  cluster,
  {
    server: http,
    broker,
    trustProxy: Number(PROXIES),
    authenticate: ({ token = 'somebody' }) => ({ context: { name: token.slice(0, 24) }, identity: token }),
    onError: error => process.stderr.write(`${SERVER}: ${error instanceof Error ? error.stack : error}\n`),
  },
  handlersOf(here),
)

let state: 'serving' | 'leaving' = 'serving'
const sayHowItIs = () => {
  const { attached } = server.stats().sessions
  // Whoever cannot be told now is told in a second.
  server.publish(cluster.servers, HALL, { ...here, state, sessions: attached }).catch(() => undefined)
}
const saying = setInterval(sayHowItIs, SAYS_HOW_IT_IS_MS)

async function leave(): Promise<void> {
  if (state === 'leaving') return
  state = 'leaving'
  sayHowItIs()
  await server.close({ withinMs: DRAIN_MS })
  clearInterval(saying)
  http.close()
  http.closeAllConnections()
  await broker.close()
  if (process.connected) process.disconnect()
}

// Ctrl-C reaches the whole process group; who started this one says when it has to leave.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => void leave())
process.on('disconnect', () => void leave())

http.listen(Number(PORT), () => {
  sayHowItIs()
  process.send?.({ port: (http.address() as AddressInfo).port })
})
