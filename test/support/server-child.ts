/** The process that {@link ServerProcess} starts: serves the arena until it is told to leave, or killed. */
import { TautlineError } from '@tautline/core'
import { serve } from '@tautline/server'
import { arena, arenaHandlers } from './arena.ts'
import { ledgerWriter } from './ledger.ts'
import { type Channel, RemoteBroker } from './remote-broker.ts'
import type { ServerProcessOptions, ToParent, ToServer } from './server-process.ts'

/** How long running calls may take to end when the server leaves, in ms. */
const DRAIN_MS = 10_000

const options: Omit<ServerProcessOptions, 'broker'> & { lent: boolean } = JSON.parse(process.argv[2] ?? '{}')
const tell = (message: ToParent) => void process.send?.(message)
const parent: Channel = {
  send: message => process.send?.(message),
  listen: listener => process.on('message', listener),
}
let tokenMs: number | undefined

process.on('disconnect', () => process.exit())

const server = await serve(
  arena,
  {
    port: options.port ?? 0,
    host: '127.0.0.1',
    limits: options.limits,
    ...(options.lent && { broker: new RemoteBroker(parent) }),
    authenticate: ({ token }) => {
      if (token === undefined) throw new TautlineError('UNAUTHENTICATED', 'nobody')
      return {
        context: undefined,
        identity: token,
        ...(tokenMs !== undefined && { expiresAt: Date.now() + tokenMs }),
      }
    },
    onError: error => tell({ problem: `onError: ${error instanceof Error ? error.stack : error}` }),
  },
  arenaHandlers(ledgerWriter(options.ledger)),
)

process.on('message', async (message: ToServer) => {
  if ('stats' in message) {
    globalThis.gc?.()
    tell({ stats: server.stats(), heapBytes: process.memoryUsage().heapUsed })
  } else if ('forget' in message) await server.disconnect({ identity: message.forget })
  else if ('tokenMs' in message) tokenMs = message.tokenMs ?? undefined
})

process.on('SIGTERM', async () => {
  await server.close({ withinMs: DRAIN_MS })
  // Nothing is left to do: the process ends by itself, or something was left over.
  process.removeAllListeners('disconnect')
  process.disconnect()
})

tell({ port: server.port ?? 0 })
