/** The process that {@link ServerProcess} starts: serves the arena until it is told to leave, or killed. */
import { TautlineError } from '@tautline/core'
import { serve } from '@tautline/server'
import { arena, arenaHandlers } from './arena.ts'
import { brokerOn, isAway } from './engines.ts'
import { ledgerWriter } from './ledger.ts'
import { type Channel, RemoteBroker } from './remote-broker.ts'
import type { ServerProcessOptions, ToParent, ToServer } from './server-process.ts'
import { Speaker } from './speaker.ts'

/** How long running calls may take to end when the server leaves, in ms. */
const DRAIN_MS = 10_000

const options: Omit<ServerProcessOptions, 'broker'> & { lent: boolean } = JSON.parse(process.argv[2] ?? '{}')
const tell = (message: ToParent) => void process.send?.(message)
const parent: Channel = {
  send: message => process.send?.(message),
  listen: listener => process.on('message', listener),
}
const record = ledgerWriter(options.ledger)
const problem = (what: string) => tell({ problem: what })
const broker = options.lent ? new RemoteBroker(parent) : options.engine && (await brokerOn(options.engine))
let tokenMs: number | undefined
let speaker: Speaker | undefined

process.on('disconnect', () => process.exit())

const server = await serve(
  arena,
  {
    port: options.port ?? 0,
    host: '127.0.0.1',
    limits: options.limits,
    broker,
    authenticate: ({ token }) => {
      if (token === undefined) throw new TautlineError('UNAUTHENTICATED', 'nobody')
      return {
        context: undefined,
        identity: token,
        ...(tokenMs !== undefined && { expiresAt: Date.now() + tokenMs }),
      }
    },
    onError: error => {
      if (!options.engine || !isAway(error)) problem(`onError: ${error instanceof Error ? error.stack : error}`)
    },
  },
  arenaHandlers(record),
)

process.on('message', async (message: ToServer) => {
  if ('stats' in message) {
    globalThis.gc?.()
    tell({ stats: server.stats(), heapBytes: process.memoryUsage().heapUsed })
  } else if ('forget' in message) await server.disconnect({ identity: message.forget })
  else if ('tokenMs' in message) tokenMs = message.tokenMs ?? undefined
  else if ('speak' in message) speaker ??= new Speaker(server, message.speak, record, problem)
  else if ('hush' in message) {
    await speaker?.hush()
    tell({ hushed: true })
  }
})

process.on('SIGTERM', async () => {
  await Promise.all([server.close({ withinMs: DRAIN_MS }), speaker?.hush()])
  await broker?.close()
  // Nothing is left to do: the process ends by itself, or something was left over.
  process.removeAllListeners('disconnect')
  process.disconnect()
})

tell({ port: server.port ?? 0 })
