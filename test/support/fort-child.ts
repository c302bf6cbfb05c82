/** The process that `Fort` starts: a server with a small heap, and a mouth for what should never happen. */
import { type Authenticated, type ServerLimits, serve } from '@tautline/server'
import { fort } from './fort-contract.ts'

const { limits, compression }: { limits?: Partial<ServerLimits>; compression?: boolean } = JSON.parse(
  process.argv[2] ?? '{}',
)
const faults: string[] = []
process.on('unhandledRejection', error => faults.push(`unhandled rejection: ${error}`))
process.on('uncaughtException', error => faults.push(`uncaught exception: ${error.stack}`))
process.on('warning', warning => faults.push(`warning: ${warning}`))

let tickets = 0

const server = await serve(
  fort,
  {
    port: 0,
    host: '127.0.0.1',
    authenticate: ({ token = 'nobody' }) => whoIs(token),
    onError: error => void faults.push(`incident: ${error instanceof Error ? error.stack : error}`),
    limits,
    compression,
  },
  {
    echo: text => text,
    order: items => items.length,
    hold: (_, { signal }) => interest(signal),
    sink: (_, { signal }) => interest(signal),
    async *noise() {
      for (;;) yield new Uint8Array(16_384)
    },
    ticket: bytes => `ticket ${++tickets};${'x'.repeat(bytes)}`,
    feed: { subscribe: () => undefined },
    lobby: { subscribe: () => undefined, presence: () => null },
  },
)

/** Of who is called `slow` that is never known, and of who is called `brief` only for four seconds. */
function whoIs(token: string): Authenticated<undefined> | Promise<never> {
  if (token.startsWith('slow')) return new Promise(() => undefined)
  const expiresAt = token.startsWith('brief') ? Date.now() + 4_000 : undefined
  return { context: undefined, identity: token, expiresAt }
}

function interest(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
}

/** Everybody who listens to the big room is sent this, again and again, as soon as somebody does. */
const message = new Uint8Array(16_384)
const publishing = setInterval(() => {
  if (server.stats().subscriptions > 0) void server.publish(fort.feed, { room: 'big' }, message)
}, 50)

process.on('disconnect', () => process.exit())
process.on('message', question => {
  if (question === 'end') {
    clearInterval(publishing)
    void server.close({ withinMs: 0 }).then(() => process.disconnect())
  } else if (question === 'stats') {
    process.send?.(server.stats())
  } else {
    globalThis.gc?.()
    const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
    const { user, system } = process.cpuUsage()
    const memory = { rss, heapUsed, arrayBuffers }
    process.send?.({ stats: server.stats(), faults: [...new Set(faults)], memory, cpuMs: (user + system) / 1_000 })
  }
})
process.send?.({ port: server.port })
