import { Running } from '../running.ts'
import { FLOOR, type Subject, TAUTLINE } from '../subjects.ts'
import type { Attempt } from './all.ts'
import { type Load, type Span, steady } from './calls.ts'
import { deliver, subscribe } from './fan-out.ts'

/** How the cost of an operation grows with something. */
export interface Growth {
  /** Name of its plot. */
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly lines: readonly Line[]
}

/** How it grows for one of the subjects. */
export interface Line {
  readonly subject: Subject
  readonly points: readonly Point[]
}

/** How much of it, and CPU of the server per operation in µs, of each round. */
export interface Point {
  readonly much: number
  readonly cpu: readonly number[]
}

interface Question {
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly steps: readonly number[]
  /** Whether the floor knows of such a thing. */
  readonly isOfFloor: boolean
  readonly env?: (much: number) => Readonly<Record<string, string>>
  /** @param warm - calls after which a server is warm. */
  readonly measure: (server: Running, much: number, warm: number) => Promise<number>
}

const LOAD: Load & Span = { connections: 100, inFlight: 4, warmMs: 400, ms: 600 }

const CHANNEL_CONNECTIONS = 100

/** Calls before calls are measured. */
const WARM = 100_000
const QUICKLY_WARM = 5_000

/** Carried each way before what is large is measured. */
const WARM_BYTES = 20 * 1_048_576

/** Deliveries that are measured, and as many before to warm up. */
const DELIVERIES = 20_000

const QUESTIONS: readonly Question[] = [
  {
    name: 'connections',
    title: 'A call, by connections that call',
    unit: 'connections, one call in flight on each',
    steps: [10, 100, 1_000, 10_000],
    isOfFloor: true,
    measure: async (server, connections, warm) => {
      const load = { ...LOAD, warm, connections, inFlight: 1, warmMs: connections > 1_000 ? 1_500 : LOAD.warmMs }
      return (await steady(server, load, client => client.call())).cpu
    },
  },
  {
    name: 'subscribers',
    title: 'A delivery, by subscribers of the topic',
    unit: 'subscribers',
    steps: [10, 100, 1_000, 10_000],
    isOfFloor: true,
    measure: async (server, subscribers) => {
      const clients = await server.connectAll(subscribers)
      await subscribe(clients)
      const rounds = Math.max(4, DELIVERIES / subscribers)
      await deliver(server, clients, { times: 1, rounds })
      return deliver(server, clients, { times: 1, rounds })
    },
  },
  {
    name: 'subscriptions',
    title: 'A delivery, by subscriptions of each session',
    unit: 'subscriptions of each of 100 sessions',
    steps: [1, 8, 32, 128],
    isOfFloor: false,
    measure: async (server, subscriptions) => {
      const clients = await server.connectAll(CHANNEL_CONNECTIONS)
      for (let i = 0; i < subscriptions; i++) await subscribe(clients, `room${i}`)
      const load = { times: 1, rounds: DELIVERIES / CHANNEL_CONNECTIONS, to: { room: 'room0' } }
      await deliver(server, clients, load)
      return deliver(server, clients, load)
    },
  },
  {
    name: 'topics',
    title: 'A delivery, by topics that are followed',
    unit: 'topics followed by the server’s 100 sessions',
    steps: [100, 1_000, 10_000],
    isOfFloor: false,
    measure: async (server, topics) => {
      const clients = await server.connectAll(CHANNEL_CONNECTIONS)
      const each = topics / CHANNEL_CONNECTIONS
      for (let i = 0; i < each; i++) {
        await Promise.all(clients.map((client, n) => subscribe([client], `room${n * each + i}`)))
      }
      const load = { times: 16, rounds: DELIVERIES / 16, to: { room: 'room0' } }
      // One who is told is quickly told: it takes a while until all of that is compiled.
      await deliver(server, clients.slice(0, 1), { ...load, rounds: load.rounds * 3 })
      return deliver(server, clients.slice(0, 1), load)
    },
  },
  {
    name: 'contract',
    title: 'A call, by entries of the contract',
    unit: 'entries',
    steps: [10, 100, 1_000, 10_000],
    isOfFloor: false,
    env: entries => ({ BENCH_ENTRIES: `${entries}` }),
    measure: async (server, _, warm) => (await steady(server, { ...LOAD, warm }, client => client.call())).cpu,
  },
  {
    name: 'size',
    title: 'A call, by size of what it carries both ways',
    unit: 'bytes of text',
    steps: [16, 256, 4_096, 65_536, 524_288],
    isOfFloor: true,
    measure: async (server, size) => {
      const text = 'x'.repeat(size)
      const load = { ...LOAD, connections: 8, inFlight: 1, warm: Math.ceil(WARM_BYTES / (size + 1_024)) }
      return (await steady(server, load, client => client.call(text))).cpu
    },
  },
]

/** Asks the questions, of Tautline and the floor one right after the other, up to a number, so many rounds. */
export async function growths(
  { most, rounds, quick }: { readonly most: number; readonly rounds: number; readonly quick: boolean },
  attempt: Attempt,
  wanted: (name: string) => boolean = () => true,
): Promise<readonly Growth[]> {
  const found: Growth[] = []
  for (const question of QUESTIONS.filter(({ name }) => wanted(name))) {
    const { name, title, unit, isOfFloor } = question
    const steps = question.steps.filter(step => step <= most || name === 'size').slice(0, quick ? 2 : undefined)
    const subjects = isOfFloor ? [FLOOR, TAUTLINE] : [TAUTLINE]
    const cpus = new Map(subjects.map(subject => [subject, steps.map((): number[] => [])]))
    for (let round = 1; round <= rounds; round++) {
      for (const [i, much] of steps.entries()) {
        for (const [subject, lines] of cpus) {
          const cpu = await attempt(`${title}: ${subject.name}, ${much}`, () => {
            return answer(question, subject, { much, warm: quick ? QUICKLY_WARM : WARM })
          })
          if (cpu !== undefined) lines[i]?.push(cpu)
        }
      }
    }
    const lines = [...cpus].map(([subject, all]) => ({
      subject,
      points: steps.map((much, i) => ({ much, cpu: all[i] ?? [] })).filter(({ cpu }) => cpu.length > 0),
    }))
    found.push({ name, title, unit, lines })
  }
  return found
}

async function answer(
  { env, measure }: Question,
  subject: Subject,
  { much, warm }: { readonly much: number; readonly warm: number },
): Promise<number> {
  const server = await Running.start(subject, env?.(much))
  try {
    return await Promise.race([measure(server, much, warm), server.failure])
  } finally {
    await server.end()
  }
}
