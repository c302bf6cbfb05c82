import { channelOf, TautlineError } from '@tautline/core'
import { ProtocolError } from '@tautline/core/wire'
import { expect, test } from 'vitest'
import { VirtualClock } from '../../testing/src/clock.ts'
import type { Admission } from '../src/dispatch.ts'
import { FaultyBroker } from './support/faulty-broker.ts'
import { admitted, Guest, House, rooms } from './support/topics.ts'

const epoch = expect.any(String)

test('a subscriber of an empty log is given a position, and then every message', async () => {
  const house = new House()
  const guest = new Guest(house)
  const id = guest.subscribe('log')
  await house.clock.settle()
  expect(guest.answer(id)).toEqual({ channel: channelOf('log', 'a'), epoch, offset: 0, head: 0, gap: false })
  await house.publish(rooms.log, 'one')
  await house.publish(rooms.log, 'two')
  expect(guest.news()).toEqual(['m1:one', 'm2:two'])
  await house.end(guest)
})

test('channels of one topic are told apart by their params', async () => {
  const house = new House()
  const guest = new Guest(house)
  guest.subscribe('log', undefined, 'a')
  await house.clock.settle()
  await house.publish(rooms.log, 'elsewhere', { room: 'b' })
  await house.publish(rooms.log, 'here', { room: 'a' })
  expect(guest.news()).toEqual(['m1:here'])
  await house.end(guest)
})

test.each([
  [{ rewind: 0 }, 3, []],
  [{ rewind: 2 }, 1, ['m2:two', 'm3:three']],
  [{ rewind: 3 }, 0, ['m1:one', 'm2:two', 'm3:three']],
  [{ rewind: 99 }, 0, ['m1:one', 'm2:two', 'm3:three']],
  [undefined, 3, []],
])('a log of three that is asked for with %o begins after %i', async (fields, offset, news) => {
  const house = new House()
  for (const text of ['one', 'two', 'three']) await house.publish(rooms.log, text)
  const guest = new Guest(house)
  const id = guest.subscribe('log', fields)
  await house.clock.settle()
  expect(guest.answer(id)).toMatchObject({ offset, head: 3, gap: false })
  expect(guest.news()).toEqual(news)
  await house.end(guest)
})

test.each([
  [undefined, ['m2:bob/2', 'm3:ada/3', 'm4:eve/4']],
  [{ rewind: 2 }, ['m3:ada/3', 'm4:eve/4']],
  [{ rewind: 0 }, []],
])('the newest per key, asked for with %o', async (fields, news) => {
  const house = new House()
  for (const [i, who] of ['ada', 'bob', 'ada', 'eve'].entries()) await house.publish(rooms.latest, { who, at: i + 1 })
  const guest = new Guest(house)
  guest.subscribe('latest', fields)
  await house.clock.settle()
  expect(guest.news()).toEqual(news)
  await house.publish(rooms.latest, { who: 'bob', at: 5 })
  expect(guest.news()).toEqual(['m5:bob/5'])
  await house.end(guest)
})

test('who was there before knows what was retracted meanwhile, who is new is not bothered', async () => {
  const house = new House()
  const [position] = [await house.publish(rooms.latest, { who: 'ada', at: 1 })]
  await house.publish(rooms.latest, { who: 'bob', at: 2 })
  await house.hub.retract(rooms.latest as never, 'a', 'ada')
  await house.publish(rooms.latest, { who: 'eve', at: 4 })
  const [back, fresh] = [new Guest(house), new Guest(house)]
  back.subscribe('latest', { since: position })
  fresh.subscribe('latest')
  await house.clock.settle()
  expect(back.news()).toEqual(['m2:bob/2', 'r3:ada', 'm4:eve/4'])
  expect(fresh.news()).toEqual(['m2:bob/2', 'm4:eve/4'])
  await house.end(back, fresh)
})

test('a fresh subscriber knows that it has caught up, also when the last thing that happened was a retraction', async () => {
  const house = new House()
  await house.publish(rooms.latest, { who: 'ada', at: 1 })
  await house.publish(rooms.latest, { who: 'bob', at: 2 })
  await house.hub.retract(rooms.latest as never, 'a', 'bob')
  await house.clock.advance(3_600_000)
  const guest = new Guest(house)
  const id = guest.subscribe('latest')
  await house.clock.settle()
  expect(guest.answer(id)).toMatchObject({ offset: 0, head: 3 })
  expect(guest.news()).toEqual(['m1:ada/1', 'r3:bob'])
  await house.end(guest)
})

test('since goes on after that position, and wins over rewind', async () => {
  const house = new House()
  const since = await house.publish(rooms.log, 'one')
  for (const text of ['two', 'three']) await house.publish(rooms.log, text)
  const guest = new Guest(house)
  const id = guest.subscribe('log', { since, rewind: 3 })
  await house.clock.settle()
  expect(guest.answer(id)).toMatchObject({ offset: 1, head: 3, gap: false })
  expect(guest.news()).toEqual(['m2:two', 'm3:three'])
  await house.end(guest)
})

test.each([
  [10, false, 0],
  [11, true, 1],
])('a position before %i messages, of which 10 are kept, is a gap: %s', async (count, gap, offset) => {
  const house = new House()
  const origin = new Guest(house)
  const id = origin.subscribe('log')
  await house.clock.settle()
  const { epoch: same } = origin.answer(id) as { epoch: string }
  origin.close()
  await house.clock.advance(6_000)
  for (let i = 1; i <= count; i++) await house.publish(rooms.log, `text ${i}`)
  const guest = new Guest(house)
  const again = guest.subscribe('log', { since: [same, 0] })
  await house.clock.settle()
  expect(guest.answer(again)).toMatchObject({ epoch: same, offset, head: count, gap })
  expect(guest.news()).toHaveLength(10)
  await house.end(guest)
})

test.each([
  ['another epoch', ['elsewhere', 2]],
  ['no epoch', [null, 0]],
] as const)('a position of %s is a gap, and the oldest message is next', async (_, since) => {
  const house = new House()
  for (const text of ['one', 'two']) await house.publish(rooms.log, text)
  const guest = new Guest(house)
  const id = guest.subscribe('log', { since })
  await house.clock.settle()
  expect(guest.answer(id)).toMatchObject({ epoch, offset: 0, head: 2, gap: true })
  expect(guest.news()).toEqual(['m1:one', 'm2:two'])
  await house.end(guest)
})

test('a position that was never given is a gap', async () => {
  const house = new House()
  const [same, offset] = await house.publish(rooms.log, 'one')
  const guest = new Guest(house)
  const id = guest.subscribe('log', { since: [same, offset + 1] })
  await house.clock.settle()
  expect(guest.answer(id)).toMatchObject({ offset: 0, head: 1, gap: true })
  await house.end(guest)
})

test('a retraction that nobody remembers is a gap, and all keys come again', async () => {
  const house = new House()
  const since = await house.publish(rooms.latest, { who: 'ada', at: 1 })
  await house.hub.retract(rooms.latest as never, 'a', 'ada')
  await house.publish(rooms.latest, { who: 'bob', at: 3 })
  await house.clock.advance(700_000)
  await house.publish(rooms.latest, { who: 'eve', at: 4 })
  const guest = new Guest(house)
  const id = guest.subscribe('latest', { since })
  await house.clock.settle()
  expect(guest.answer(id)).toMatchObject({ offset: 0, gap: true })
  expect(guest.news()).toEqual(['m3:bob/3', 'm4:eve/4'])
  await house.end(guest)
})

test('who has read half of the keys goes on in the middle, though retractions from before are forgotten', async () => {
  const house = new House()
  for (const [i, who] of ['ada', 'bob', 'eve'].entries()) await house.publish(rooms.latest, { who, at: i + 1 })
  await house.hub.retract(rooms.latest as never, 'a', 'bob')
  const [same] = await house.publish(rooms.latest, { who: 'zoe', at: 5 })
  await house.clock.advance(700_000)
  const guest = new Guest(house)
  const id = guest.subscribe('latest', { since: [same, 1], base: 5 })
  await house.clock.settle()
  expect(guest.answer(id)).toMatchObject({ offset: 1, head: 5, gap: false })
  expect(guest.news()).toEqual(['m3:eve/3', 'm5:zoe/5'])
  await house.end(guest)
})

test('the position that is given is as of when the keys were read, and what came since follows', async () => {
  const clock = new VirtualClock()
  const broker = new FaultyBroker(clock)
  const house = new House({ clock, broker })
  await house.publish(rooms.latest, { who: 'ada', at: 1 })
  const guest = new Guest(house)
  broker.readMs = 300
  const id = guest.subscribe('latest', { rewind: 5 })
  await clock.advance(100)
  await house.publish(rooms.latest, { who: 'bob', at: 2 })
  await clock.advance(1_000)
  expect(guest.answer(id)).toMatchObject({ offset: 0, head: 1 })
  expect(guest.news()).toEqual(['m1:ada/1', 'm2:bob/2'])
  await house.end(guest)
})

test('without memory only what comes is told, and coming back is a gap', async () => {
  const house = new House()
  const guest = new Guest(house)
  const id = guest.subscribe('live')
  await house.clock.settle()
  expect(guest.answer(id)).toEqual({ channel: channelOf('live', 'a'), epoch: null, offset: 0, head: 0, gap: false })
  await house.publish(rooms.live, 'one')
  expect(guest.news()).toEqual(['m0:one'])
  const again = guest.subscribe('live', { since: [null, 0] })
  await house.clock.settle()
  expect(guest.answer(again)).toMatchObject({ epoch: null, gap: true })
  await house.end(guest)
})

test('two subscriptions of one channel share what is sent, and the second brings back what it asked for', async () => {
  const house = new House()
  const guest = new Guest(house)
  const first = guest.subscribe('log')
  await house.clock.settle()
  for (const text of ['one', 'two', 'three']) await house.publish(rooms.log, text)
  expect(guest.news()).toEqual(['m1:one', 'm2:two', 'm3:three'])
  const second = guest.subscribe('log', { rewind: 2 })
  await house.clock.settle()
  expect(guest.answer(second)).toMatchObject({ offset: 1, head: 3 })
  expect(guest.news()).toEqual(['m2:two', 'm3:three'])
  await house.publish(rooms.log, 'four')
  expect(guest.news()).toEqual(['m4:four'])
  guest.unsubscribe(first)
  await house.publish(rooms.log, 'five')
  expect(guest.news()).toEqual(['m5:five'])
  guest.unsubscribe(second)
  await house.publish(rooms.log, 'six')
  expect(guest.news()).toEqual([])
  await house.end(guest)
})

test('a second subscription that reads all keys takes no retraction away from the first', async () => {
  const house = new House()
  const guest = new Guest(house, { highWaterBytes: 100, lowWaterBytes: 50 })
  await house.publish(rooms.latest, { who: 'ada', at: 1 })
  guest.subscribe('latest')
  await house.clock.settle()
  expect(guest.news()).toEqual(['m1:ada/1'])
  guest.link.fast = false
  guest.link.unsentBytes = 200
  await house.publish(rooms.latest, { who: 'bob', at: 2 })
  await house.hub.retract(rooms.latest as never, 'a', 'ada')
  await house.publish(rooms.latest, { who: 'eve', at: 4 })
  guest.subscribe('latest')
  await house.clock.settle()
  guest.link.fast = true
  guest.link.drain()
  await house.clock.settle()
  expect(guest.news()).toEqual(['m2:bob/2', 'r3:ada', 'm4:eve/4'])
  await house.end(guest)
})

test('who is refused is told why, and nothing is held', async () => {
  const house = new House()
  const guest = new Guest(house)
  guest.admit = async () => {
    throw new TautlineError('PERMISSION_DENIED', 'not here')
  }
  const id = guest.subscribe('log')
  await house.clock.settle()
  expect(guest.answer(id)).toEqual({ error: { code: 'PERMISSION_DENIED', message: 'not here' } })
  expect(guest.subscriptions.size).toBe(0)
  await house.publish(rooms.log, 'one')
  expect(guest.news()).toEqual([])
  await house.end(guest)
})

test('an error that is not the client’s business is kept', async () => {
  const house = new House()
  const guest = new Guest(house)
  const secret = new Error('secret')
  guest.admit = async (path, params) => ({ ...(await admitted(path, params)), member: () => Promise.reject(secret) })
  const id = guest.subscribe('log')
  await house.clock.settle()
  expect(guest.answer(id)).toMatchObject({ error: { code: 'INTERNAL' } })
  expect(house.errors.splice(0)).toEqual([secret])
  await house.end(guest)
})

test.each([
  [2, true],
  [3, true],
  [4, false],
])('of at most 3 subscriptions, number %i is let in: %s', async (count, isIn) => {
  const house = new House()
  const guest = new Guest(house, { subscriptions: 3 })
  let id = 0
  for (let i = 0; i < count; i++) id = guest.subscribe('log', undefined, `room ${i}`)
  await house.clock.settle()
  expect(guest.answer(id)).toMatchObject(isIn ? { offset: 0 } : { error: { code: 'RESOURCE_EXHAUSTED' } })
  expect(guest.subscriptions.size).toBe(Math.min(count, 3))
  if (!isIn) {
    guest.unsubscribe(1)
    const again = guest.subscribe('log', undefined, 'room 9')
    await house.clock.settle()
    expect(guest.answer(again)).toMatchObject({ offset: 0 })
  }
  await house.end(guest)
})

test('an id that is in use is not used again', async () => {
  const house = new House()
  const guest = new Guest(house)
  const id = guest.subscribe('log')
  const again = () => guest.subscriptions.receive([8, id, 'log', 'a'])
  expect(again).toThrow(ProtocolError)
  await house.clock.settle()
  expect(again).toThrow(ProtocolError)
  guest.unsubscribe(99)
  await house.end(guest)
})

test('unsubscribing while it is being decided: the handler is told, and nothing comes of it', async () => {
  const house = new House()
  const guest = new Guest(house)
  const { decide, signals } = deciding(guest)
  const id = guest.subscribe('log')
  guest.unsubscribe(id)
  expect(signals[0]?.aborted).toBe(true)
  decide()
  await house.clock.settle()
  await house.publish(rooms.log, 'one')
  expect(guest.told).toEqual([])
  expect(guest.subscriptions.size).toBe(0)
  await house.end(guest)
})

test.each(['close', 'detach', 'unsubscribe'] as const)(
  '%s while the broker is read: nothing is left of it',
  async end => {
    const clock = new VirtualClock()
    const broker = new FaultyBroker(clock)
    const house = new House({ clock, broker })
    const guest = new Guest(house)
    const id = guest.subscribe('small.log', { rewind: 2 })
    broker.readMs = 100
    await clock.settle()
    if (end === 'close') guest.close()
    else if (end === 'detach') guest.detach()
    else guest.unsubscribe(id)
    await clock.advance(200)
    expect(guest.told).toEqual([])
    await house.end(guest)
    expect(broker.feeds).toBe(0)
  },
)

test('a socket that is gone is sent nothing, and its subscriptions are gone with it', async () => {
  const house = new House()
  const guest = new Guest(house)
  guest.subscribe('log')
  await house.clock.settle()
  guest.news()
  guest.detach()
  expect(guest.subscriptions.size).toBe(0)
  await house.publish(rooms.log, 'one')
  guest.attach()
  await house.publish(rooms.log, 'two')
  expect(guest.told).toEqual([])
  await house.end(guest)
})

test('after a new token everything is asked again: what is refused ends, the rest goes on', async () => {
  const house = new House()
  const guest = new Guest(house)
  const [stays, goes] = [guest.subscribe('log', undefined, 'a'), guest.subscribe('log', undefined, 'b')]
  await house.clock.settle()
  guest.news()
  guest.admit = async (path, params) => {
    if (params === 'b') throw new TautlineError('PERMISSION_DENIED')
    return admitted(path, params)
  }
  await guest.subscriptions.recheck()
  expect(guest.told.splice(0)).toMatchObject([{ kind: 'unsubscribed', id: goes, error: { code: 'PERMISSION_DENIED' } }])
  for (const room of ['a', 'b']) await house.publish(rooms.log, room, { room })
  expect(guest.news()).toEqual(['m1:a'])
  expect(guest.subscriptions.size).toBe(1)
  guest.unsubscribe(stays)
  await house.end(guest)
})

test('a decision that was made for the old token is made again', async () => {
  const house = new House()
  const guest = new Guest(house)
  const { decide } = deciding(guest)
  const id = guest.subscribe('log')
  await house.clock.settle()
  await guest.subscriptions.recheck()
  guest.admit = async () => {
    throw new TautlineError('PERMISSION_DENIED')
  }
  decide()
  await house.clock.settle()
  expect(guest.answer(id)).toMatchObject({ error: { code: 'PERMISSION_DENIED' } })
  await house.end(guest)
})

test.each([
  ['throws', 0],
  ['rejects', 0],
  ['hangs', 5_100],
] as const)(
  'a broker that %s when it should give a feed: UNAVAILABLE after %i ms, and the next try may work',
  async (failure, ms) => {
    const clock = new VirtualClock()
    const broker = new FaultyBroker(clock)
    const house = new House({ clock, broker })
    const guest = new Guest(house)
    broker.failures.set('subscribe', failure)
    const id = guest.subscribe('log')
    await clock.advance(ms)
    expect(guest.answer(id)).toMatchObject({ error: { code: 'UNAVAILABLE' } })
    broker.failures.clear()
    const again = guest.subscribe('log')
    await clock.settle()
    expect(guest.answer(again)).toMatchObject({ offset: 0 })
    await house.end(guest)
    expect(broker.feeds).toBe(0)
  },
)

test('whoever subscribes while the broker is away waits, and is let in at once when it is back', async () => {
  const clock = new VirtualClock()
  const broker = new FaultyBroker(clock)
  const house = new House({ clock, broker })
  const guest = new Guest(house)
  const position = await house.publish(rooms.log, 'one')
  broker.become('down')
  for (const method of ['subscribe', 'read'] as const) broker.failures.set(method, 'rejects')
  const ids = [
    guest.subscribe('log', { rewind: 1 }),
    guest.subscribe('latest'),
    guest.subscribe('log', { since: position }),
  ]
  await clock.advance(60_000)
  expect(ids.map(id => guest.answer(id))).toEqual([undefined, undefined, undefined])
  broker.failures.clear()
  broker.become('up')
  await clock.settle()
  expect(ids.map(id => guest.answer(id))).toMatchObject([{ offset: 0 }, { offset: 0 }, { offset: 1 }])
  expect(guest.news()).toEqual(['m1:one'])
  await house.end(guest)
  expect(broker.feeds).toBe(0)
})

test('whoever waits for the broker may leave, and nothing is left of it', async () => {
  const clock = new VirtualClock()
  const broker = new FaultyBroker(clock)
  const house = new House({ clock, broker })
  const [guest, other] = [new Guest(house), new Guest(house, { publicId: 'other' })]
  broker.become('down')
  broker.failures.set('subscribe', 'rejects')
  const [gone, id] = [guest.subscribe('log'), other.subscribe('log')]
  await clock.settle()
  guest.unsubscribe(gone)
  other.detach()
  await clock.settle()
  broker.failures.clear()
  broker.become('up')
  await clock.settle()
  expect([guest.answer(gone), other.answer(id), broker.feeds]).toEqual([undefined, undefined, 0])
  await house.end(guest, other)
})

test('a feed that comes when nobody waits for it any more is closed', async () => {
  const clock = new VirtualClock()
  const broker = new FaultyBroker(clock)
  const house = new House({ clock, broker })
  const { subscribe } = broker
  broker.subscribe = async (channel, listener) => {
    await new Promise(resolve => clock.setTimeout(() => resolve(undefined), 8_000))
    return subscribe.call(broker, channel, listener)
  }
  const guest = new Guest(house)
  const id = guest.subscribe('log')
  await clock.advance(6_000)
  expect(guest.answer(id)).toMatchObject({ error: { code: 'UNAVAILABLE' } })
  await clock.advance(3_000)
  expect(broker.feeds).toBe(0)
  await house.end(guest)
})

/** Lets nobody in before `decide()`. */
function deciding(guest: Guest): { readonly decide: () => void; readonly signals: AbortSignal[] } {
  const signals: AbortSignal[] = []
  let decide = () => {}
  const decided = new Promise<void>(resolve => {
    decide = resolve
  })
  guest.admit = async (path, params, signal): Promise<Admission> => {
    signals.push(signal)
    await decided
    return admitted(path, params)
  }
  return { decide: () => decide(), signals }
}
