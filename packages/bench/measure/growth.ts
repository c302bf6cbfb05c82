import { Running } from '../running.ts'
import { TAUTLINE } from '../subjects.ts'
import { type Load, steady } from './calls.ts'
import { deliver, subscribe } from './fan-out.ts'

/** How the cost of an operation grows with something. */
export interface Growth {
  /** Name of its plot. */
  readonly name: string
  readonly title: string
  readonly unit: string
  /** How much of it, and CPU of the server per operation in µs. */
  readonly points: readonly (readonly [much: number, cpu: number])[]
}

interface Question {
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly steps: readonly number[]
  readonly env?: (much: number) => Readonly<Record<string, string>>
  readonly measure: (server: Running, much: number) => Promise<number>
}

const LOAD: Load = { connections: 100, inFlight: 4, warmMs: 500, ms: 700 }

const CHANNEL_CONNECTIONS = 100

const QUESTIONS: readonly Question[] = [
  {
    name: 'connections',
    title: 'A call, by connections that call',
    unit: 'connections, one call in flight on each',
    steps: [10, 100, 1_000, 10_000],
    measure: async (server, connections) => {
      const load = { ...LOAD, connections, inFlight: 1, warmMs: connections > 1_000 ? 2_500 : LOAD.warmMs }
      return (await steady(server, load, client => client.call())).cpu
    },
  },
  {
    name: 'subscribers',
    title: 'A delivery, by subscribers of the topic',
    unit: 'subscribers',
    steps: [10, 100, 1_000, 10_000],
    measure: async (server, subscribers) => {
      const clients = await server.connectAll(subscribers)
      await subscribe(clients)
      const rounds = Math.max(8, 40_000 / subscribers)
      await deliver(server, clients, { times: 1, rounds })
      return deliver(server, clients, { times: 1, rounds })
    },
  },
  {
    name: 'subscriptions',
    title: 'A delivery, by subscriptions of each session',
    unit: 'subscriptions of each of 100 sessions',
    steps: [1, 8, 32, 128],
    measure: async (server, subscriptions) => {
      const clients = await server.connectAll(CHANNEL_CONNECTIONS)
      for (let i = 0; i < subscriptions; i++) await subscribe(clients, `room${i}`)
      const load = { times: 1, rounds: 400, to: { room: 'room0' } }
      await deliver(server, clients, load)
      return deliver(server, clients, load)
    },
  },
  {
    name: 'topics',
    title: 'A delivery, by topics that are followed',
    unit: 'topics followed by the server’s 100 sessions',
    steps: [100, 1_000, 10_000],
    measure: async (server, topics) => {
      const clients = await server.connectAll(CHANNEL_CONNECTIONS)
      const each = topics / CHANNEL_CONNECTIONS
      for (let i = 0; i < each; i++) {
        await Promise.all(clients.map((client, n) => subscribe([client], `room${n * each + i}`)))
      }
      const load = { times: 16, rounds: 1_200, to: { room: 'room0' } }
      await deliver(server, clients.slice(0, 1), load)
      return deliver(server, clients.slice(0, 1), load)
    },
  },
  {
    name: 'contract',
    title: 'A call, by entries of the contract',
    unit: 'entries',
    steps: [10, 100, 1_000, 10_000],
    env: entries => ({ BENCH_ENTRIES: `${entries}` }),
    measure: async server => (await steady(server, LOAD, client => client.call())).cpu,
  },
  {
    name: 'size',
    title: 'A call, by size of what it carries both ways',
    unit: 'bytes of text',
    steps: [16, 256, 4_096, 65_536, 524_288],
    measure: async (server, size) => {
      const text = 'x'.repeat(size)
      return (await steady(server, { ...LOAD, connections: 8, inFlight: 1 }, client => client.call(text))).cpu
    },
  },
]

/** Asks all questions, of Tautline, up to a number. */
export async function growths(most: number, tell: (title: string) => void): Promise<readonly Growth[]> {
  const found: Growth[] = []
  for (const { name, title, unit, steps, env, measure } of QUESTIONS) {
    tell(title)
    const points: [number, number][] = []
    for (const much of steps.filter(step => step <= most || name === 'size')) {
      const server = await Running.start(TAUTLINE, env?.(much))
      try {
        points.push([much, await measure(server, much)])
      } finally {
        await server.kill()
        server.disconnect()
      }
    }
    found.push({ name, title, unit, points })
  }
  return found
}
