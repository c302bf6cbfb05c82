import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { VirtualClock } from '../../testing/src/clock.ts'
import type { BrokerChannel, Retention } from '../src/broker.ts'
import { memory } from '../src/memory.ts'
import { brokerSuite } from './broker-suite.ts'

brokerSuite('memory', async () => {
  const clock = new VirtualClock()
  return {
    broker: memory({ clock }),
    advance: ms => clock.advance(ms),
    end: async () => expect(clock.pending, 'timers left over').toBe(0),
  }
})

const DAY = 86_400_000
const forEver = Number.POSITIVE_INFINITY
const all = { messages: 10_000, bytes: forEver }

function log(name: string, more: Partial<Extract<Retention, { kind: 'log' }>> = {}): BrokerChannel {
  return { name, retain: { kind: 'log', count: 10_000, seconds: forEver, ...more } }
}

function latest(name: string): BrokerChannel {
  return { name, retain: { kind: 'latest', count: 10_000, seconds: forEver } }
}

/** What a message of so many bytes costs: 128 more. */
function body(size: number): Uint8Array {
  return new Uint8Array(size - 128)
}

test.each([
  [999, 0],
  [1_000, 0],
  [1_001, 1],
])('a channel of 1,000 bytes that is given %i forgets its oldest', async (bytes, floor) => {
  const broker = memory({ channelBytes: 1_000 })
  const channel = log('a')
  await broker.publish(channel, { body: body(500) })
  await broker.publish(channel, { body: body(bytes - 500) })
  expect(await broker.read(channel, { after: 0 }, all)).toMatchObject({ floor, head: 2 })
})

test('a key that no longer fits into its channel is retracted', async () => {
  const broker = memory({ channelBytes: 1_000 })
  const told: string[] = []
  await broker.subscribe(
    latest('a'),
    (_, { offset, key, body }) => void told.push(`${offset}${key}${body ? '' : ' gone'}`),
  )
  for (const key of ['x', 'y', 'z']) await broker.publish(latest('a'), { key, body: body(400) })
  expect(told).toEqual(['1x', '2y', '3z', '4x gone'])
})

test('a message larger than all that a channel may keep is refused', async () => {
  const broker = memory({ channelBytes: 1_000 })
  await broker.publish(log('a'), { body: new Uint8Array(800) })
  const refused = broker.publish(log('a'), { body: new Uint8Array(1_001) })
  await expect(refused).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED', mayHaveRun: false })
  expect(await broker.read(log('a'), { after: 0 }, all)).toMatchObject({ head: 1, floor: 0 })
})

test('of all channels together the one that was published on the longest ago forgets first', async () => {
  const broker = memory({ totalBytes: 3 * 2_048 + 3_000 })
  for (const name of ['a', 'b', 'c']) await broker.publish(log(name), { body: body(1_000) })
  await broker.publish(log('a'), { body: body(1_000) })
  const kept = await Promise.all(['a', 'c'].map(name => broker.read(log(name), { after: 0 }, all)))
  expect(kept).toMatchObject([
    { floor: 0, head: 2 },
    { floor: 0, head: 1 },
  ])
  expect((await broker.read(log('b'), { after: 0 }, all)).changes).toEqual([])
})

test.each([
  [-1, 0],
  [0, 1],
  [1, 1],
])('with room for three channels and %i bytes, the first of three is still there: %i', async (more, there) => {
  const broker = memory({ totalBytes: 3 * (2_048 + 1_000) + more })
  for (const name of ['a', 'b', 'c']) await broker.publish(log(name), { body: body(1_000) })
  expect((await broker.read(log('a'), { after: 0 }, all)).changes).toHaveLength(there)
})

test('a channel that is dropped whole comes back with a new epoch, one that was always empty with the same', async () => {
  const broker = memory({ totalBytes: 2_000 })
  const [untouched] = await broker.heads([log('empty')])
  const [before] = await broker.publish(log('a'), { body: body(1_000) })
  await broker.publish(log('b'), { body: body(1_000) })
  const [after] = await broker.heads([log('a')])
  expect(after).toEqual([expect.any(String), 0])
  expect(after?.[0]).not.toBe(before)
  expect(untouched).toEqual([before, 0])
})

test('a channel that somebody is subscribed to keeps its epoch and its numbers when memory runs out', async () => {
  const broker = memory({ totalBytes: 2_000 })
  const feed = await broker.subscribe(log('a'), () => undefined)
  const [epoch] = await broker.publish(log('a'), { body: body(1_000) })
  await broker.publish(log('b'), { body: body(1_000) })
  expect(await broker.heads([log('a')])).toEqual([[epoch, 1]])
  expect(await broker.read(log('a'), { after: 0 }, all)).toMatchObject({ floor: 1, changes: [] })
  feed.close()
})

test.each([
  [DAY - 1_000, true],
  [DAY + 1_000, false],
])('%i ms after its last subscriber left, an empty channel still has its epoch: %s', async (ms, same) => {
  const clock = new VirtualClock()
  const broker = memory({ clock })
  const channel = log('a', { seconds: 1 })
  const feed = await broker.subscribe(channel, () => undefined)
  const [epoch] = await broker.publish(channel, { body: body(200) })
  await clock.advance(2_000)
  feed.close()
  await clock.advance(ms)
  const [newEpoch, offset] = await broker.publish(channel, { body: body(200) })
  expect([newEpoch === epoch, offset]).toEqual(same ? [true, 2] : [false, 1])
  await broker.close()
})

test('a channel that still keeps messages is kept, however long nobody comes', async () => {
  const clock = new VirtualClock()
  const broker = memory({ clock })
  const position = await broker.publish(log('a'), { body: body(200) })
  await clock.advance(30 * DAY)
  await broker.publish(log('b'), { body: body(200) })
  expect(await broker.heads([log('a')])).toEqual([position])
})

test('whatever there is to expire, there is one timer; and none when there is nothing', async () => {
  const clock = new VirtualClock()
  const broker = memory({ clock })
  for (let i = 0; i < 100; i++) await broker.publish(log(`r${i % 10}`, { seconds: 5 + (i % 7) }), { body: body(200) })
  for (let i = 0; i < 100; i++) await broker.publish(latest('k'), { key: `k${i}`, body: body(200), leaseMs: 5_000 + i })
  expect(clock.pending).toBe(1)
  await clock.advance(20_000)
  await clock.advance(700_000)
  expect(clock.pending).toBe(0)
})

test('a year is not too long for its timer', async () => {
  const clock = new VirtualClock()
  const { setTimeout } = clock
  clock.setTimeout = (run, ms) => {
    expect(ms, 'what a timer can wait for').toBeLessThan(2 ** 31)
    return setTimeout.call(clock, run, ms)
  }
  const broker = memory({ clock })
  const channel = log('a', { seconds: 31_536_000 })
  await broker.publish(channel, { body: body(200) })
  await clock.advance(364 * DAY)
  expect(await broker.read(channel, { after: 0 }, all)).toMatchObject({ floor: 0 })
  await clock.advance(1.5 * DAY)
  expect(await broker.read(channel, { after: 0 }, all)).toMatchObject({ floor: 1 })
  await broker.close()
})

test.each([0, -1, 1.5, Number.NaN, forEver, 2 ** 53])('%d bytes are refused as a limit', bytes => {
  expect(() => memory({ totalBytes: bytes })).toThrow(TypeError)
  expect(() => memory({ channelBytes: bytes })).toThrow(TypeError)
})

test('a broker that only waits for something to expire keeps no process alive', () => {
  const source = `import { memory } from './src/memory.ts'
    await memory().publish({ name: 'a', retain: { kind: 'log', count: 1, seconds: 60 } }, { body: new Uint8Array(1) })`
  const args = ['--conditions=@tautline/source', '--import=tsx', '--input-type=module', '--eval', source]
  execFileSync(process.execPath, args, { cwd: new URL('..', import.meta.url), timeout: 8_000 })
})
