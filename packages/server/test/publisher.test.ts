import { contract, type Publisher, topic } from '@tautline/core'
import { Deadlines, decodeValue, type Position } from '@tautline/core/wire'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { VirtualClock } from '../../testing/src/clock.ts'
import { GuardedBroker } from '../src/guarded-broker.ts'
import { PublishedKeys } from '../src/memory/published-keys.ts'
import { memory } from '../src/memory.ts'
import { channelRef } from '../src/publications.ts'
import { publisher } from '../src/publisher.ts'
import { FaultyBroker } from './support/faulty-broker.ts'
import { Guest, House, rooms } from './support/topics.ts'

const forecast = contract({
  weather: topic({
    params: z.object({ city: z.string().transform(city => city.toLowerCase()) }),
    message: z.object({ degrees: z.string().transform(Number) }),
    retain: { latestBy: ({ degrees }) => `at ${degrees}` },
  }),
  now: topic({ params: z.string(), message: z.date() }),
})

test('publishes to the clients of servers that share its broker', async () => {
  const clock = new VirtualClock()
  const broker = memory({ clock })
  const house = new House({ clock, broker })
  const guest = new Guest(house)
  guest.subscribe('log')
  await clock.settle()
  const elsewhere: Publisher = publisher(rooms, broker, { clock })
  const position = await elsewhere.publish(rooms.log, 'a', 'one')
  expect(position).toMatch(/^1\./)
  expect(guest.news()).toEqual(['m1:one'])
  await house.end(guest)
})

test('params and messages are parsed once', async () => {
  const broker = memory()
  const { publish, retract } = publisher(forecast, broker)
  await publish(forecast.weather, { city: 'OSLO' }, { degrees: '7' })
  const channel = channelRef(forecast.weather as never, { city: 'oslo' })
  const read = async () => (await broker.read(channel, { after: 0 }, { messages: 9, bytes: 999 })).changes
  const [change] = await read()
  expect(change?.key).toBe('at 7')
  expect(decodeValue(change?.body ?? Uint8Array.of())).toEqual({ degrees: 7 })
  await retract(forecast.weather, { city: 'Oslo' }, 'at 7')
  expect(await read()).toMatchObject([{ key: 'at 7', body: undefined }])
})

test('where nothing is retained there is no position', async () => {
  const { publish } = publisher(forecast, memory())
  expect(await publish(forecast.now, 'oslo', new Date())).toBeUndefined()
})

test('the same idempotency key is published once', async () => {
  const broker = memory()
  const { publish } = publisher(rooms, broker)
  const options = { idempotencyKey: 'once' }
  const positions = [await publish(rooms.log, 'a', 'one', options), await publish(rooms.log, 'a', 'one', options)]
  expect(positions[0]).toBe(positions[1])
})

test('what does not fit is the caller’s mistake, and says where', async () => {
  const { publish, retract } = publisher(forecast, memory())
  await expect(publish(forecast.now, 'oslo', 'today' as never)).rejects.toThrow(/now/)
  await expect(publish(forecast.now, 7 as never, new Date())).rejects.toThrow(TypeError)
  await expect(retract(forecast.now as never, 'oslo' as never, 'key')).rejects.toThrow(/no keys/)
  await expect(publish(rooms.log, 'a', 'one')).rejects.toThrow(/no topic 'log'/)
})

test('keeps to the message size that it is given', async () => {
  const { publish } = publisher(rooms, memory(), { messageBytes: 100 })
  await expect(publish(rooms.log, 'a', 'x'.repeat(200))).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' })
  expect(() => publisher(rooms, memory(), { messageBytes: 0 })).toThrow(TypeError)
})

test('a broker that never answers: UNAVAILABLE after 5 s, and it may have happened', async () => {
  const clock = new VirtualClock()
  const broker = new FaultyBroker(clock)
  broker.failures.set('publish', 'hangs')
  const published = publisher(rooms, broker, { clock }).publish(rooms.log, 'a', 'one')
  const told = expect(published).rejects.toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
  await clock.advance(5_100)
  await told
  expect(clock.pending).toBe(0)
})

test('a process that slept for 6 s reads the answer that came meanwhile, and blames nobody', async () => {
  const clock = new VirtualClock()
  let slept = 0
  const sleeper = {
    now: () => clock.now() + slept,
    setTimeout: (run: () => void, ms: number) => clock.setTimeout(run, ms),
    clearTimeout: (timer: unknown) => clock.clearTimeout(timer),
    defer: (run: () => void) => clock.defer(run),
  }
  const deadlines = new Deadlines(sleeper, 10)
  let answer = (): void => undefined
  const late = () => new Promise<Position>(resolve => (answer = () => resolve(['epoch', 1])))
  const broker = Object.assign(new FaultyBroker(clock), { publish: late })
  const reported: unknown[] = []
  const guarded = new GuardedBroker(broker, deadlines, error => reported.push(error))
  const published = guarded.publish({ name: 'a', retain: { kind: 'none' } }, { body: new Uint8Array() })
  // It wakes up at this one, and finds all others due.
  deadlines.add(1_000, () => undefined)
  slept = 6_000
  await clock.advance(1_050)
  answer()
  expect(await published).toEqual(['epoch', 1])
  expect(reported).toEqual([])
  expect(clock.pending).toBe(0)
})

test.each([
  [2, true],
  [3, true],
  [4, false],
])('of as many keys as fit three, with %i remembered the first is still known: %s', (count, known) => {
  const keys = new PublishedKeys(3 * 166)
  for (let i = 1; i <= count; i++) keys.add('a', `${i}`, ['e', i], 0)
  expect(keys.find('a', '1', 1) !== undefined).toBe(known)
  expect(keys.size).toBe(Math.min(count, 3))
})

test.each([
  [119_999, true],
  [120_000, false],
])('after %i ms a key is known: %s', (ms, known) => {
  const keys = new PublishedKeys()
  keys.add('a', 'key', ['e', 1], 0)
  expect(keys.find('a', 'key', ms) !== undefined).toBe(known)
  keys.add('a', 'other', ['e', 2], ms)
  expect(keys.size).toBe(known ? 2 : 1)
})
