import type { Client } from '../load/client.ts'
import { type Running, within } from '../running.ts'

/** Operations after which a server counts as warm. */
const WARM_OPERATIONS = 20_000
/** How much longer than was meant for it they may take, in ms: a server may be slow, and a machine busy elsewhere. */
const WARM_PATIENCE_MS = 10_000
const WARM_LOOK_MS = 50

/** How long something is measured, in ms, and how long it goes on before that. */
export interface Span {
  /** At least. */
  readonly warmMs: number
  /** Operations after which it is warm; 20,000, unless they are large. */
  readonly warm?: number
  readonly ms: number
}

/** How a steady load is laid on. */
export interface Load {
  readonly connections: number
  /** Per connection. */
  readonly inFlight: number
}

/** What an operation cost. */
export interface Cost {
  /** CPU of the server per operation, in µs. */
  readonly cpu: number
  /** How much of a core the server needed, and how much the load. */
  readonly busy: number
  readonly loadBusy: number
}

/**
 * Connects clients that keep so many operations in flight each whenever it is measured what one costs the server. In the
 * end of each time it waits until each that was begun has been answered, once.
 */
export async function steadily(
  server: Running,
  { connections, inFlight }: Load,
  begin: (client: Client) => void,
): Promise<(span: Span) => Promise<Cost>> {
  const clients = await server.connectAll(connections)
  let done = 0
  let begun = 0
  let isOver = false
  let finish = (): void => undefined
  const next = (client: Client): void => {
    begun += 1
    begin(client)
  }
  for (const client of clients) {
    client.onAnswer = () => {
      done += 1
      if (!isOver) next(client)
      else if (done === begun) finish()
    }
  }
  return async span => {
    const all = new Promise<void>(resolve => {
      finish = resolve
    })
    isOver = false
    for (const client of clients) for (let i = 0; i < inFlight; i++) next(client)
    const cost = await window(server, span, () => done)
    isOver = true
    await within(all, 'every operation is answered')
    return cost
  }
}

/** The same, once. */
export async function steady(server: Running, load: Load & Span, begin: (client: Client) => void): Promise<Cost> {
  const cost = await (await steadily(server, load, begin))(load)
  server.disconnect()
  return cost
}

/** What an operation cost within a window of time, while something else keeps them coming. */
export async function window(server: Running, span: Span, count: () => number): Promise<Cost> {
  const { ms } = span
  await warm(span, count)
  const before = await server.usage()
  const [from, begun, load] = [count(), performance.now(), process.cpuUsage()]
  await pause(ms)
  const after = await server.usage()
  const operations = count() - from
  const took = (performance.now() - begun) * 1_000
  const { user, system } = process.cpuUsage(load)
  if (operations === 0) throw new Error('nothing came back')
  return {
    cpu: (after.cpu - before.cpu) / operations,
    busy: (after.cpu - before.cpu) / took,
    loadBusy: (user + system) / took,
  }
}

/** Waits until so much was done, from the first operation on, that what is hot has been compiled. */
async function warm({ warmMs, warm = WARM_OPERATIONS }: Span, count: () => number): Promise<void> {
  await pause(warmMs)
  for (let ms = 0; ms < WARM_PATIENCE_MS && count() < warm; ms += WARM_LOOK_MS) await pause(WARM_LOOK_MS)
}

export function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
