import type { Broker, BrokerChannel, Retention } from '@tautline/server'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EngineProcess } from './engine-process.ts'
import { until } from './house.ts'

const LOG: BrokerChannel = { name: 'a', retain: { kind: 'log', count: 100, seconds: Number.POSITIVE_INFINITY } }
const LATEST: Retention = { kind: 'latest', count: 100, seconds: Number.POSITIVE_INFINITY }
const NONE: Retention = { kind: 'none' }
const ALL = { messages: 1_000, bytes: 1_000_000 }
const NOT_DONE = { code: 'UNAVAILABLE', mayHaveRun: false }
const body = new Uint8Array(100)

/** An engine that nothing was done with. */
export interface EngineUnderTest {
  readonly engine: EngineProcess & { go(): Promise<void> }
  /** A broker on it, as an application makes one. */
  readonly broker: (options?: { readonly channelBytes?: number }) => Broker
  /** What is listened to at the engine, for whatever channel. */
  readonly feeds: () => Promise<readonly string[]>
}

/** What a broker asks of its engine and no more, whichever it is: where `brokerSuite` sees only the broker. */
export function engineSuite(start: () => Promise<EngineUnderTest>): void {
  let under: EngineUnderTest
  const brokers: Broker[] = []

  beforeEach(async () => {
    under = await start()
  })

  afterEach(async () => {
    await Promise.all(brokers.splice(0).map(broker => broker.close()))
    await under.engine.end()
  })

  function open(options?: { readonly channelBytes?: number }): Broker {
    const broker = under.broker(options)
    brokers.push(broker)
    return broker
  }

  test('subscribes at the engine once per channel, and leaves with the last', async () => {
    const broker = open()
    const feeds = await Promise.all([1, 2, 3].map(() => broker.subscribe(LOG, () => undefined)))
    expect(await under.feeds()).toHaveLength(1)
    feeds[0]?.close()
    feeds[1]?.close()
    await broker.heads([LOG])
    expect(await under.feeds()).toHaveLength(1)
    feeds[2]?.close()
    await expect.poll(under.feeds).toEqual([])
  })

  test('hears again who comes back at once', async () => {
    const broker = open()
    const told: number[] = []
    for (let i = 1; i <= 5; i++) {
      const feed = await broker.subscribe(LOG, (_, { offset }) => void told.push(offset))
      await broker.publish(LOG, { body })
      await until(() => told.length === i, 'a change')
      feed.close()
    }
    expect(told).toEqual([1, 2, 3, 4, 5])
  })

  test('refuses a message larger than all that a channel may keep', async () => {
    const broker = open({ channelBytes: 1_000 })
    await expect(broker.publish(LOG, { body: new Uint8Array(1_001) })).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      mayHaveRun: false,
    })
  })

  test.each([
    [999, 0],
    [1_000, 0],
    [1_001, 1],
  ])('has a log of 1,000 bytes that is given %i forget its oldest', async (bytes, floor) => {
    const broker = open({ channelBytes: 1_000 })
    await broker.publish(LOG, { body: new Uint8Array(500 - 128) })
    await broker.publish(LOG, { body: new Uint8Array(bytes - 500 - 128) })
    expect(await broker.read(LOG, { after: 0 }, ALL)).toMatchObject({ floor, head: 2 })
  })

  test('retracts a key that no longer fits into its channel', async () => {
    const broker = open({ channelBytes: 1_200 })
    const channel = { name: 'a', retain: LATEST }
    const told: string[] = []
    await broker.subscribe(
      channel,
      (_, { offset, key, body }) => void told.push(`${offset}${key}${body ? '' : ' gone'}`),
    )
    for (const key of ['x', 'y', 'z']) await broker.publish(channel, { key, body: new Uint8Array(400) })
    await until(() => told.length === 4, 'four changes')
    expect(told).toEqual(['1x', '2y', '3z', '4x gone'])
  })

  test('refuses soon where no engine is, says that nothing was done, and recovers', { timeout: 20_000 }, async () => {
    await under.engine.kill()
    const statuses: string[] = []
    const broker = open()
    broker.onStatus(status => statuses.push(status))
    const began = performance.now()
    await expect(broker.publish(LOG, { body })).rejects.toMatchObject(NOT_DONE)
    await expect(broker.publish({ name: 'a', retain: NONE }, { body })).rejects.toMatchObject(NOT_DONE)
    await expect(broker.subscribe(LOG, () => undefined)).rejects.toMatchObject(NOT_DONE)
    await expect(broker.heads([LOG])).rejects.toMatchObject(NOT_DONE)
    expect(performance.now() - began).toBeLessThan(3_000)
    expect(broker.status).toBe('down')
    await under.engine.go()
    await until(() => broker.status === 'up', 'the engine', 3_000)
    expect(await broker.publish(LOG, { body })).toEqual([expect.any(String), 1])
    expect(statuses).toEqual(['up'])
  })
}
