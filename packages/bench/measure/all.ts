import { Running } from '../running.ts'
import type { Subject } from '../subjects.ts'
import { pause, steady, window } from './calls.ts'
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

/** One row of the table, of one round. */
export type Row = Readonly<Partial<Record<(typeof COLUMNS)[number], number>>>

const STREAMS = 8
const ITEMS = 1_000

/** Measures everything about one server, once. Each time it is a fresh process, warmed up anew. */
export async function measureAll(subject: Subject, effort: Effort): Promise<Row> {
  const { warmMs, ms } = effort
  // Memory first, and in a process of its own: what has been busy is large already.
  const idle = await Running.start(subject)
  const { memory, one, four } = await fanOut(idle, effort.subscribers, effort.publications).finally(() => idle.kill())
  const server = await Running.start(subject)
  try {
    const many = { connections: 1, inFlight: 64, warmMs, ms }
    const calls1x64 = await steady(server, many, client => client.call())
    const calls100x4 = await steady(server, { ...many, connections: 100, inFlight: 4 }, client => client.call())
    const stream = await streaming(server, effort)
    const connect = await connecting(server, effort.connects)
    const echo = await steady(server, { ...many, inFlight: 1, warmMs: warmMs / 2, ms: ms / 2 }, client => client.echo())
    await pause(50)
    const { p50, p99, up, down } = await lone(server, effort.calls)
    return {
      calls1x64: calls1x64.cpu,
      calls100x4: calls100x4.cpu,
      one,
      four,
      stream,
      connect,
      memory,
      p50,
      p99,
      up,
      down,
      echo: echo.cpu,
    }
  } finally {
    await server.kill()
  }
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
