import type { Client } from '../load/client.ts'
import { type Running, within } from '../running.ts'
import type { To } from '../servers/host.ts'
import { answered } from './connect.ts'

/** What is published, how often, and to whom. */
export interface Publications {
  /** In one tick. */
  readonly times: number
  readonly rounds: number
  readonly to?: To
  /** Looks at what arrived. */
  readonly check?: (newest: unknown) => void
}

/** Memory comes in pages: so many times more connections than those that make room for what garbage needs. */
const TIMES_MORE = 3

/** Clients that follow a topic, and what each of them needs of the server's memory, in bytes, while it is idle. */
export interface Subscribers {
  readonly clients: readonly Client[]
  readonly memory: number
}

/**
 * Connects clients beside as many who only stay, which is when memory is measured, and then lets so many subscribe to
 * one topic. What the server did before, and those who stay, have made room for what garbage needs.
 */
export async function subscribers(server: Running, count: number): Promise<Subscribers> {
  await server.churn()
  await server.connectAll(count)
  const before = await server.memory()
  const clients = await server.connectAll(count)
  for (let i = 1; i < TIMES_MORE; i++) await server.connectAll(count)
  const after = await server.memory()
  await subscribe(clients)
  return { clients, memory: (after - before) / (TIMES_MORE * count) }
}

/** Lets all of them subscribe, a few at a time. */
export async function subscribe(clients: readonly Client[], room?: string): Promise<void> {
  for (let i = 0; i < clients.length; i += 100) {
    const some = clients.slice(i, i + 100).map(client => answered(client, () => client.subscribe(room)))
    await within(Promise.all(some), 'clients subscribe')
  }
}

/** CPU of the server per delivery, in µs. Each time all of them must arrive, and nothing twice. */
export async function deliver(
  server: Running,
  clients: readonly Client[],
  { times, rounds, to, check }: Publications,
): Promise<number> {
  let left = 0
  let arrived = (): void => undefined
  for (const client of clients) {
    client.onMessages = (count, newest) => {
      check?.(newest)
      left -= count
      if (left === 0) arrived()
    }
  }
  const before = await server.usage()
  for (let i = 0; i < rounds; i++) {
    left += clients.length * times
    const all = new Promise<void>(resolve => {
      arrived = resolve
    })
    await server.publish(times, to)
    await within(all, 'every publication arrives everywhere')
  }
  const after = await server.usage()
  if (left !== 0) throw new Error(`${-left} deliveries too many`)
  return (after.cpu - before.cpu) / (clients.length * times * rounds)
}
