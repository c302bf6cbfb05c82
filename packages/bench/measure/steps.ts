import type { Running } from '../running.ts'
import { type Cost, type Span, steady } from './calls.ts'
import { connecting } from './connect.ts'
import { fanOut } from './fan-out.ts'
import { lone } from './latency.ts'
import { streaming } from './stream.ts'

/** How thoroughly one measures. */
export interface Effort extends Span {
  readonly calls: number
  readonly connects: number
  /** Of those, before it is measured. */
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
  /** In a process that has done nothing else: what has been busy is large already, and V8 collects it otherwise. */
  readonly isFresh?: boolean
  readonly measure: (server: Running, effort: Effort) => Promise<Row>
}

/** Before the echo is measured. */
const ECHOES = 200
/** It takes a thousand times as long as a call, and garbage is collected now and then: so many times longer. */
const ECHO_TIMES = 3

/** All that is measured, in this order. */
export const STEPS: readonly Step[] = [
  {
    columns: ['one', 'four', 'memory'],
    isFresh: true,
    measure: async (server, { subscribers, publications }) => ({
      ...(await fanOut(server, subscribers, publications)),
    }),
  },
  {
    columns: ['calls1x64', 'busy1x64', 'load1x64'],
    measure: async (server, effort) => {
      const cost = await steady(server, { ...effort, connections: 1, inFlight: 64 }, client => client.call())
      return { calls1x64: cost.cpu, busy1x64: cost.busy, load1x64: cost.loadBusy }
    },
  },
  {
    columns: ['calls100x4', 'busy100x4', 'load100x4'],
    measure: async (server, effort) => {
      const cost = await steady(server, { ...effort, connections: 100, inFlight: 4 }, client => client.call())
      return { calls100x4: cost.cpu, busy100x4: cost.busy, load100x4: cost.loadBusy }
    },
  },
  {
    columns: ['stream', 'busyStream', 'loadStream'],
    measure: async (server, effort) => {
      const cost = await streaming(server, effort)
      return { stream: cost.cpu, busyStream: cost.busy, loadStream: cost.loadBusy }
    },
  },
  {
    columns: ['connect'],
    measure: async (server, { warmConnects, connects }) => ({
      connect: await connecting(server, warmConnects, connects),
    }),
  },
  {
    columns: ['echo'],
    isFresh: true,
    measure: async (server, effort) => ({ echo: (await echoing(server, effort)).cpu }),
  },
  { columns: ['p50', 'p99', 'up', 'down'], measure: async (server, { calls }) => ({ ...(await lone(server, calls)) }) },
]

/**
 * In a server that holds as much as an application does. An empty one would tell of its size instead: up to 8 MB V8 never
 * marks, from there to 12 it does for every few megabytes that come and go, and then hardly ever.
 */
async function echoing(server: Running, { warmMs, ms }: Span): Promise<Cost> {
  await server.fill()
  return steady(
    server,
    { connections: 1, inFlight: 1, warmMs: warmMs / 2, warm: ECHOES, ms: ms * ECHO_TIMES },
    client => client.echo(),
  )
}
