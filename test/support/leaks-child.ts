/** Runs in a process of its own: what is left of clients that came, worked and went, and of calls that were made. */
import { connect } from '@tautline/client'
import { contract, procedure, stream, topic } from '@tautline/core'
import { serve } from '@tautline/server'
import * as z from 'zod'

const { rounds, clients, calls }: { rounds: number; clients: number; calls: number } = JSON.parse(process.argv[2] ?? '')
/** Clients that are there at a time. */
const AT_ONCE = 100

const desk = contract({
  echo: procedure({ input: z.string(), output: z.string() }),
  count: stream({ input: z.number(), down: z.number() }),
  feed: topic({
    params: z.object({ room: z.number() }),
    message: z.string(),
    presence: z.null(),
    retain: { count: 5 },
  }),
})

const faults: string[] = []
process.on('unhandledRejection', error => faults.push(String(error)))
process.on('warning', warning => faults.push(String(warning)))

const server = await serve(
  desk,
  {
    port: 0,
    host: '127.0.0.1',
    authenticate: ({ token }) => ({ context: undefined, identity: token }),
    onError: error => faults.push(String(error)),
    limits: { resumeMs: 1, sessionsPerIdentity: 1_000_000, rate: 1_000_000, burst: 1_000_000, calls: 10_000 },
  },
  {
    echo: text => text,
    async *count(to) {
      for (let n = 0; n < to; n++) yield n
    },
    feed: { subscribe: () => undefined, presence: () => null },
  },
)
const url = server.url ?? ''

/** Comes, calls, reads, listens, is called back, and goes: every third one without a goodbye. */
async function visit(n: number): Promise<void> {
  const { api, connection } = connect(desk, { url, token: () => `visitor ${n % 10}` })
  const signal = new AbortController().signal
  const heard = new Promise<void>(resolve => {
    api.feed({ room: n % 7 }).subscribe(() => resolve(), { signal, rewind: 1 })
  })
  await Promise.all([api.echo('hello', { signal, timeout: 120_000 }), heard])
  for await (const item of api.count(5)) if (item === 3) break
  if (n % 3 === 0) connection.close()
  else await Promise.all([api.echo('bye'), connection.close()]).catch(() => undefined)
}

async function crowd(size: number): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < size) await visit(next++)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

/** One connection, one signal for all calls, a deadline for each. */
async function callMany(size: number): Promise<void> {
  const { api, connection } = connect(desk, { url, token: () => 'caller' })
  const { signal } = new AbortController()
  for (let made = 0; made < size; made += 1_000) {
    await Promise.all(
      Array.from({ length: 1_000 }, (_, n) =>
        n % 100 === 0
          ? api.echo('late', { signal: AbortSignal.abort() }).catch(() => undefined)
          : api.echo('hello', { signal, timeout: 30_000 + n }),
      ),
    )
  }
  connection.close()
}

/** Heap and resources once everybody is gone; channels that nobody is subscribed to linger for a while. */
async function rest(): Promise<{ heap: number; resources: string }> {
  for (let n = 0; n < 100; n++) {
    const { attached, detached, unauthenticated } = server.stats().sessions
    if (attached + detached + unauthenticated === 0) break
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  await new Promise(resolve => setTimeout(resolve, 1_500))
  for (let n = 0; n < 3; n++) {
    globalThis.gc?.()
    await new Promise(resolve => setImmediate(resolve))
  }
  const kinds = process.getActiveResourcesInfo().filter(kind => kind !== 'Timeout' && kind !== 'Immediate')
  return { heap: process.memoryUsage().heapUsed, resources: kinds.sort().join() }
}

for (let room = 0; room < 7; room++) await server.publish(desk.feed, { room }, 'hello')
// What is remembered of those who have gone, such as that they are no longer present, is bounded: it fills up first.
await crowd(clients)
await callMany(Math.min(calls, 10_000))
const before = await rest()
const heaps: number[] = []
for (let round = 0; round < rounds; round++) {
  await crowd(clients)
  heaps.push((await rest()).heap)
}
const between = await rest()
await callMany(calls)
const after = await rest()
await server.close({ withinMs: 0 })
process.stdout.write(
  JSON.stringify({
    faults,
    grownByClients: between.heap - before.heap,
    grownByCalls: after.heap - between.heap,
    heaps: [before.heap, ...heaps, after.heap],
    resources: [before.resources, after.resources],
  }),
)
