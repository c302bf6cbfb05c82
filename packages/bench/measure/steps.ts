import type { Client } from '../load/client.ts'
import type { Running } from '../running.ts'
import { type Cost, type Span, steadily, steady } from './calls.ts'
import { connecting } from './connect.ts'
import { deliver, subscribers } from './fan-out.ts'
import { lone } from './latency.ts'
import { streaming } from './stream.ts'

/** How thoroughly one measures. What is counted, or timed, is so much in all turns together. */
export interface Effort extends Span {
  /** How often each subject has its turn in a round. */
  readonly turns: number
  readonly calls: number
  /** Before echoes are measured. */
  readonly echoes: number
  readonly connects: number
  /** Before it is measured. */
  readonly warmConnects: number
  readonly subscribers: number
  readonly publications: number
}

/** The columns of the tables. CPU in µs per operation, times in µs, sizes in bytes, shares of a core. */
export const COLUMNS = [
  'calls1x64',
  'calls100x4',
  'one',
  'four',
  'stream',
  'connect',
  'memory',
  'p50',
  'p99',
  'up',
  'down',
  'echo',
  'busy1x64',
  'load1x64',
  'busy100x4',
  'load100x4',
  'busyStream',
  'loadStream',
] as const

/** One of them. */
export type Column = (typeof COLUMNS)[number]

/** One row of the tables, of one round. */
export type Row = Readonly<Partial<Record<Column, number>>>

/** What is measured together, and the columns that it fills. */
export interface Step {
  readonly columns: readonly Column[]
  /**
   * In so many processes one after the other that have done nothing else: what has been busy is large already, and V8
   * collects it otherwise. Several, where what the compiler makes of it differs much.
   */
  readonly processes?: number
  /** Connects clients and warms the server up; what it returns measures once, and may be called again. */
  readonly prepare: (server: Running, effort: Effort) => Promise<() => Promise<Row>>
}

/** Again, while others were measured, a server has been idle: so many ms, or of what is counted so much, before. */
const AGAIN_MS = 100
const AGAIN = 20

/** All that is measured, in this order. */
export const STEPS: readonly Step[] = [
  {
    columns: ['one', 'four', 'memory'],
    processes: 1,
    async prepare(server, effort) {
      const { clients, memory } = await subscribers(server, effort.subscribers)
      const rounds = Math.ceil(effort.publications / effort.turns)
      await deliver(server, clients, { times: 1, rounds: effort.publications })
      await deliver(server, clients, { times: 4, rounds: 8 })
      return async () => {
        await deliver(server, clients, { times: 4, rounds: 2 })
        const one = await deliver(server, clients, { times: 1, rounds })
        const four = await deliver(server, clients, { times: 4, rounds: Math.ceil(rounds / 3) })
        return { one, four, memory }
      }
    },
  },
  underLoad(['calls1x64', 'busy1x64', 'load1x64'], it => steadily(it, { connections: 1, inFlight: 64 }, call)),
  underLoad(['calls100x4', 'busy100x4', 'load100x4'], it => steadily(it, { connections: 100, inFlight: 4 }, call)),
  underLoad(['stream', 'busyStream', 'loadStream'], streaming),
  {
    columns: ['connect'],
    async prepare(server, { warmConnects, connects, turns }) {
      await connecting(server, warmConnects)
      return async () => {
        await connecting(server, AGAIN)
        return { connect: await connecting(server, Math.ceil(connects / turns)) }
      }
    },
  },
  {
    columns: ['echo'],
    processes: 2,
    async prepare(server, effort) {
      // In a server that holds as much as an application does. An empty one would tell of its size instead: up to 8 MB
      // V8 never marks, from there to 12 it does for every few megabytes that come and go, and then hardly ever.
      await server.fill()
      // What all operations share is compiled by small ones: it would take as many large ones.
      await steady(server, { connections: 1, inFlight: 64, warmMs: effort.warmMs / 2, ms: AGAIN_MS }, call)
      const echoes = await steadily(server, { connections: 1, inFlight: 1 }, client => client.echo())
      const cost = await prepared(echoes, { ...effort, warm: effort.echoes })
      return async () => ({ echo: (await cost()).cpu })
    },
  },
  {
    columns: ['p50', 'p99', 'up', 'down'],
    async prepare(server, { calls, turns }) {
      const client = await server.connect()
      await lone(client, calls)
      return async () => {
        await lone(client, AGAIN)
        return { ...(await lone(client, Math.ceil(calls / turns))) }
      }
    },
  },
]

function call(client: Client): void {
  client.call()
}

/** What lays a load on whenever it is to be measured. */
type Measure = (span: Span) => Promise<Cost>

/** A step that is one load: what an operation cost, and how busy server and load were. */
function underLoad(
  columns: readonly [cpu: Column, busy: Column, load: Column],
  begin: (server: Running) => Promise<Measure>,
): Step {
  const [cpu, busy, load] = columns
  return {
    columns,
    async prepare(server, effort) {
      const measure = await prepared(await begin(server), effort)
      return async () => {
        const cost = await measure()
        return { [cpu]: cost.cpu, [busy]: cost.busy, [load]: cost.loadBusy }
      }
    },
  }
}

/** Warms a load up, and measures it in turns that have the time of the effort together. */
async function prepared(measure: Measure, { warmMs, warm, ms, turns }: Effort): Promise<() => Promise<Cost>> {
  await measure({ warmMs, ...(warm && { warm }), ms: AGAIN_MS })
  return () => measure({ warmMs: AGAIN_MS, warm: 0, ms: ms / turns })
}
