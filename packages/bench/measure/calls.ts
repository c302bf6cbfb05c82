import type { Client } from '../load/client.ts'
import type { Running } from '../running.ts'

/** Operations after which a server counts as warm, unless it needs more than so many times as long as was meant for it. */
const WARM_OPERATIONS = 20_000
const PATIENCE = 3

/** How a steady load is laid on. */
export interface Load {
  readonly connections: number
  /** Per connection. */
  readonly inFlight: number
  readonly warmMs: number
  readonly ms: number
}

/** What an operation cost. */
export interface Cost {
  /** CPU of the server per operation, in µs. */
  readonly cpu: number
  /** Operations per second; in a closed loop, with the load beside the server. */
  readonly rate: number
}

/** Keeps so many operations in flight on each connection, and measures what one costs the server. */
export async function steady(server: Running, load: Load, begin: (client: Client) => void): Promise<Cost> {
  const clients = await server.connectAll(load.connections)
  let done = 0
  for (const client of clients) {
    client.onAnswer = () => {
      done += 1
      begin(client)
    }
    for (let i = 0; i < load.inFlight; i++) begin(client)
  }
  const cost = await window(server, load, () => done)
  server.disconnect()
  return cost
}

/** What an operation cost within a window of time, while something else keeps them coming. */
export async function window(
  server: Running,
  { warmMs, ms }: Pick<Load, 'warmMs' | 'ms'>,
  count: () => number,
): Promise<Cost> {
  await warm(warmMs, count)
  const before = await server.usage()
  const [from, begun] = [count(), performance.now()]
  await pause(ms)
  const after = await server.usage()
  const operations = count() - from
  if (operations === 0) throw new Error('nothing came back')
  return {
    cpu: (after.cpu - before.cpu) / operations,
    rate: (operations * 1_000) / (performance.now() - begun),
  }
}

/** Goes on until enough was done for the compiler to have its say, be it slowly, on a machine that is busy elsewhere. */
async function warm(ms: number, count: () => number): Promise<void> {
  for (let i = 0; i < PATIENCE; i++) {
    await pause(ms)
    if (count() >= WARM_OPERATIONS) return
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
