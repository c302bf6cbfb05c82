import type { Client } from '../load/client.ts'
import { type Running, within } from '../running.ts'
import type { To } from '../servers/host.ts'
import { answered } from './connect.ts'

/** What subscribers cost. */
export interface FanOut {
  /** Memory of the server per idle connection, in bytes. */
  readonly memory: number
  /** CPU of the server per delivery, in µs: one publication at a time, and four. */
  readonly one: number
  readonly four: number
}

/** Connects so many clients, which is when memory is measured, and then lets all of them subscribe to one topic. */
export async function fanOut(server: Running, subscribers: number, rounds: number): Promise<FanOut> {
  await server.connectAll(100)
  server.disconnect()
  await new Promise(resolve => setTimeout(resolve, 200))
  const before = await server.memory()
  const clients = await server.connectAll(subscribers)
  const after = await server.memory()
  await subscribe(clients)
  await deliver(server, clients, { times: 4, rounds: 8 })
  const one = await deliver(server, clients, { times: 1, rounds })
  const four = await deliver(server, clients, { times: 4, rounds: Math.ceil(rounds / 3) })
  server.disconnect()
  return { memory: (after - before) / subscribers, one, four }
}

/** Lets all of them subscribe, a few at a time. */
export async function subscribe(clients: readonly Client[], room?: string): Promise<void> {
  for (let i = 0; i < clients.length; i += 100) {
    await Promise.all(clients.slice(i, i + 100).map(client => answered(client, () => client.subscribe(room))))
  }
}

/** CPU of the server per delivery, in µs, of so many publications at a time; each time all of them must arrive. */
export async function deliver(
  server: Running,
  clients: readonly Client[],
  { times, rounds, to }: { readonly times: number; readonly rounds: number; readonly to?: To },
): Promise<number> {
  let left = 0
  let arrived = (): void => undefined
  for (const client of clients) {
    client.onMessages = count => {
      left -= count
      if (left === 0) arrived()
    }
  }
  const before = await server.usage()
  for (let i = 0; i < rounds; i++) {
    left = clients.length * times
    const all = new Promise<void>(resolve => {
      arrived = resolve
    })
    await server.publish(times, to)
    await within(all, 'every publication arrives everywhere')
  }
  const after = await server.usage()
  return (after.cpu - before.cpu) / (clients.length * times * rounds)
}
