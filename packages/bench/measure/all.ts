import { Running } from '../running.ts'
import type { Subject } from '../subjects.ts'
import { type Load, pause, steady, window } from './calls.ts'
import { connecting } from './connect.ts'
import { fanOut } from './fan-out.ts'
import { lone } from './latency.ts'

/** How thoroughly one measures. */
export interface Effort {
  readonly warmMs: number
  readonly ms: number
  readonly calls: number
  readonly connects: number
  readonly subscribers: number
  readonly publications: number
}

/** The columns of the table. CPU in µs per operation, times in µs, sizes in bytes. */
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
] as const

/** One of them. */
export type Column = (typeof COLUMNS)[number]

/** One row of the table, of one round. */
export type Row = Readonly<Partial<Record<Column, number>>>

const STREAMS = 8
const ITEMS = 1_000

/** What is measured together, and the columns that it fills. */
const STEPS: readonly {
  readonly columns: readonly Column[]
  readonly measure: (server: Running, effort: Effort) => Promise<Row>
}[] = [
  {
    columns: ['calls1x64'],
    measure: async (server, effort) => ({
      calls1x64: await calls(server, { ...effort, connections: 1, inFlight: 64 }),
    }),
  },
  {
    columns: ['calls100x4'],
    measure: async (server, effort) => ({
      calls100x4: await calls(server, { ...effort, connections: 100, inFlight: 4 }),
    }),
  },
  { columns: ['stream'], measure: async (server, effort) => ({ stream: await streaming(server, effort) }) },
  { columns: ['connect'], measure: async (server, effort) => ({ connect: await connecting(server, effort.connects) }) },
  { columns: ['echo'], measure: async (server, effort) => ({ echo: await echoing(server, effort) }) },
  { columns: ['p50', 'p99', 'up', 'down'], measure: (server, effort) => lone(server, effort.calls) },
]

/** Measures a server, once. Each time it is a fresh process, warmed up anew. */
export async function measureAll(subject: Subject, effort: Effort, wanted: readonly Column[]): Promise<Row> {
  // Memory in a process of its own: what has been busy is large already.
  let row: Row = wanted.some(column => ['one', 'four', 'memory'].includes(column))
    ? await using(subject, server => fanOut(server, effort.subscribers, effort.publications))
    : {}
  return using(subject, async server => {
    for (const { columns, measure } of STEPS) {
      if (!columns.some(column => wanted.includes(column))) continue
      row = { ...row, ...(await measure(server, effort)) }
      await pause(50)
    }
    return row
  })
}

async function using<T>(subject: Subject, measure: (server: Running) => Promise<T>): Promise<T> {
  const server = await Running.start(subject)
  try {
    return await measure(server)
  } finally {
    await server.kill()
    server.disconnect()
  }
}

async function calls(server: Running, load: Load): Promise<number> {
  return (await steady(server, load, client => client.call())).cpu
}

async function echoing(server: Running, { warmMs, ms }: Effort): Promise<number> {
  const load = { connections: 1, inFlight: 1, warmMs: warmMs / 2, ms: ms / 2 }
  return (await steady(server, load, client => client.echo())).cpu
}

/** CPU per item, with some connections that read one stream after another. */
async function streaming(server: Running, effort: Effort): Promise<number> {
  const clients = await server.connectAll(STREAMS)
  let items = 0
  for (const client of clients) {
    client.onItems = count => {
      items += count
    }
    client.onAnswer = () => client.stream(ITEMS)
    client.stream(ITEMS)
  }
  const { cpu } = await window(server, effort, () => items)
  server.disconnect()
  return cpu
}
