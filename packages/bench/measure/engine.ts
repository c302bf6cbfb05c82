import { Engine } from '../engine-process.ts'
import type { EngineSubject } from '../engines.ts'
import { Running, within } from '../running.ts'
import { pause } from './calls.ts'
import { answered } from './connect.ts'
import { at } from './latency.ts'

/** How thoroughly one measures. What is counted is so much in all turns together. */
export interface EngineEffort {
  /** How often each subject is measured in a round. */
  readonly turns: number
  readonly warm: number
  /** Publications one after the other, whose way is timed. */
  readonly lone: number
  /** Publications of which so many are under way at a time. */
  readonly many: number
  readonly atOnce: number
}

/** Publications that nobody looks at, since the nodes were idle while others had their turn. */
const AGAIN = 50

/** What it costs that something that is published on one node reaches a client of another one. */
export interface EngineRow {
  /** From `publish` to the client, in µs. */
  readonly p50: number
  readonly p99: number
  /** CPU of both nodes per delivery, in µs: one publication after the other, and many at once. */
  readonly one: number
  readonly many: number
  /** CPU of the engine per delivery, in µs, and its bytes, in and out. */
  readonly engine: number
  readonly bytes: number
}

/** An engine and two nodes of its own, at work and warm. */
export interface Trial {
  /** Measures once more. */
  measure(): Promise<EngineRow>
  end(): Promise<void>
}

/** Starts all that is needed for a subject, and warms it up. */
export async function prepareEngine(subject: EngineSubject, effort: EngineEffort): Promise<Trial> {
  const engine = await Engine.start(subject.engine)
  const nodes: Running[] = []
  const end = async () => {
    for (const node of nodes) {
      await node.kill()
      node.disconnect()
    }
    await engine.end()
  }
  try {
    for (let i = 0; i < 2; i++) nodes.push(await Running.start(subject, { ENGINE_PORT: String(engine.port) }))
    const [here, there] = nodes as [Running, Running]
    const arrivals = await follow(there)
    await crowd(here, arrivals, effort.warm, effort.atOnce)
    // What comes alone goes other ways than what comes in crowds, and those are to be warm, too.
    await trips(here, arrivals, effort.lone)
    return { measure: () => measure(nodes, engine, arrivals, effort), end }
  } catch (error) {
    await end()
    throw error
  }
}

/** One turn: an equal part of all that the effort asks for. */
async function measure(
  nodes: readonly Running[],
  engine: Engine,
  arrivals: Arrivals,
  { lone, many, atOnce, turns }: EngineEffort,
): Promise<EngineRow> {
  const [here] = nodes as [Running]
  const [some, crowds] = [Math.ceil(lone / turns), Math.ceil(many / turns)]
  await trips(here, arrivals, AGAIN)
  const times = await trips(here, arrivals, some)
  // What it costs a node to be told to publish is not the question.
  const told = await cost(nodes, engine, some, () => tell(here, some))
  const one = await cost(nodes, engine, some, () => crowd(here, arrivals, some, 1))
  const all = await cost(nodes, engine, crowds, () => crowd(here, arrivals, crowds, atOnce))
  return {
    p50: at(times, 0.5),
    p99: at(times, 0.99),
    one: one.cpu - told.cpu,
    many: all.cpu - told.cpu / atOnce,
    engine: all.engine,
    bytes: all.bytes,
  }
}

/** What arrives at a client of a node. */
interface Arrivals {
  /** Resolves when so many more have. */
  next(count: number): Promise<void>
}

async function follow(node: Running): Promise<Arrivals> {
  const client = await node.connect()
  let left = 0
  let arrived = (): void => undefined
  client.onMessages = count => {
    left -= count
    if (left === 0) arrived()
  }
  await answered(client, () => client.subscribe())
  return {
    next(count) {
      left += count
      const all = new Promise<void>(resolve => {
        arrived = resolve
      })
      return within(all, 'what was published arrives')
    },
  }
}

/** One after the other; how long each took from one process to the other, sorted. */
async function trips(here: Running, arrivals: Arrivals, count: number): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const arrival = arrivals.next(1).then(() => process.hrtime.bigint())
    const { began } = await here.publish(1)
    times.push(Number((await arrival) - BigInt(began)) / 1_000)
  }
  return times.sort((a, b) => a - b)
}

/** So often, to publish nothing. */
async function tell(here: Running, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await here.publish(0)
}

/** So many in all, of which some are published in one tick, and all have to arrive before the next ones are. */
async function crowd(here: Running, arrivals: Arrivals, count: number, atOnce: number): Promise<void> {
  for (let left = count; left > 0; left -= atOnce) {
    const arrival = arrivals.next(Math.min(left, atOnce))
    await here.publish(Math.min(left, atOnce))
    await arrival
  }
}

async function cost(nodes: readonly Running[], engine: Engine, deliveries: number, work: () => Promise<void>) {
  await pause(100)
  const total = async () => {
    const usages = await Promise.all(nodes.map(node => node.usage()))
    return { ...(await engine.usage()), nodes: usages.reduce((sum, { cpu }) => sum + cpu, 0) }
  }
  const before = await total()
  await work()
  const after = await total()
  return {
    cpu: (after.nodes - before.nodes) / deliveries,
    engine: (after.cpu - before.cpu) / deliveries,
    bytes: (after.bytes - before.bytes) / deliveries,
  }
}
