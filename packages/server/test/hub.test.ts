import { channelOf, TautlineError, type TopicEntry } from '@tautline/core'
import { expect, test } from 'vitest'
import { VirtualClock } from '../../testing/src/clock.ts'
import { channelRef } from '../src/publications.ts'
import { Rings } from '../src/ring.ts'
import { FaultyBroker } from './support/faulty-broker.ts'
import { Guest, House, rooms } from './support/topics.ts'

const latest = rooms.latest as unknown as TopicEntry
const log = channelRef(rooms.log as unknown as TopicEntry, 'a')

function faulty(): { readonly clock: VirtualClock; readonly broker: FaultyBroker; readonly house: House } {
  const clock = new VirtualClock()
  const broker = new FaultyBroker(clock)
  return { clock, broker, house: new House({ clock, broker }) }
}

test('a message that does not fit its schema is not published', async () => {
  const house = new House()
  await expect(house.publish(rooms.log, 7)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  await expect(house.publish(rooms.latest, { who: 'ada' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  expect(await house.publish(rooms.log, 'fits')).toEqual([expect.any(String), 1])
  await house.end()
})

test.each([
  [1_024 * 1_024 - 300, true],
  [1_024 * 1_024, false],
])('a message of %i characters is taken: %s', async (length, taken) => {
  const house = new House()
  const published = house.publish(rooms.log, 'x'.repeat(length))
  if (taken) await expect(published).resolves.toEqual([expect.any(String), 1])
  else await expect(published).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' })
  await house.end()
})

test.each([
  [0, false],
  [1, true],
  [1_024, true],
  [1_025, false],
])('a key of %i characters is taken: %s', async (length, taken) => {
  const house = new House()
  const published = house.publish(rooms.latest, { who: 'k'.repeat(length), at: 1 })
  if (taken) await expect(published).resolves.toEqual([expect.any(String), 1])
  else await expect(published).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  await house.end()
})

test.each([
  [0, false],
  [1, true],
  [8_192, true],
  [8_193, false],
])('an idempotency key of %i characters is taken: %s', async (length, taken) => {
  const house = new House()
  const published = house.publish(rooms.log, 'text', { key: 'k'.repeat(length) })
  if (taken) await expect(published).resolves.toEqual([expect.any(String), 1])
  else await expect(published).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  await house.end()
})

test('a key with half a surrogate pair is refused before anybody is told', async () => {
  const house = new House()
  await expect(house.publish(rooms.latest, { who: '\ud800', at: 1 })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  })
  await house.end()
})

test('only keys can be retracted', async () => {
  const house = new House()
  await expect(house.hub.retract(rooms.log as unknown as TopicEntry, 'a', 'ada')).rejects.toThrow(TypeError)
  await house.end()
})

test.each([
  ['throws', 0],
  ['rejects', 0],
  ['hangs', 5_100],
] as const)('when the broker %s, a publisher is told that it may have happened, after %i ms', async (failure, ms) => {
  const { clock, broker, house } = faulty()
  broker.failures.set('publish', failure)
  const published = house.publish(rooms.log, 'one')
  const told = expect(published).rejects.toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
  await clock.advance(ms)
  await told
  await house.end()
})

test('what a broker says on purpose is passed on', async () => {
  const { broker, house } = faulty()
  const refusal = new TautlineError('UNAVAILABLE', 'not now', { mayHaveRun: false })
  broker.publish = () => Promise.reject(refusal)
  await expect(house.publish(rooms.log, 'one')).rejects.toBe(refusal)
  await house.end()
})

test('one feed serves everybody, and is given up 5 s after the last one left', async () => {
  const { clock, broker, house } = faulty()
  const guests = [new Guest(house), new Guest(house), new Guest(house)]
  const ids = guests.map(guest => guest.subscribe('log'))
  await clock.settle()
  expect(broker.feeds).toBe(1)
  for (const [i, guest] of guests.entries()) guest.unsubscribe(ids[i] ?? 0)
  await clock.advance(4_900)
  expect(broker.feeds).toBe(1)
  guests[0]?.subscribe('log')
  await clock.advance(60_000)
  expect([broker.feeds, broker.calls.get('subscribe')]).toEqual([1, 1])
  guests[0]?.close()
  await clock.advance(5_100)
  expect(broker.feeds).toBe(0)
  await house.end(...guests)
})

test('what is told after a feed was closed is dropped, and kept nowhere', async () => {
  const { clock, broker } = faulty()
  const rings = new Rings()
  const house = new House({ clock, broker, rings })
  const guest = new Guest(house)
  guest.subscribe('log')
  await clock.settle()
  broker.feedMs = 6_000
  await house.publish(rooms.log, 'late')
  guest.close()
  await clock.advance(5_500)
  expect(house.hub.channels).toBe(0)
  await clock.advance(1_000)
  expect(rings.bytes).toBe(0)
  await house.end(guest)
})

test('what is published while the feed is being opened lies before the position that is given', async () => {
  const { clock, broker, house } = faulty()
  slowly(broker, clock)
  const guest = new Guest(house)
  const id = guest.subscribe('log')
  await clock.settle()
  await house.publish(rooms.log, 'one')
  await clock.advance(1_000)
  expect(guest.answer(id)).toMatchObject({ offset: 1, head: 1, gap: false })
  await house.publish(rooms.log, 'two')
  expect(guest.news()).toEqual(['m2:two'])
  await house.end(guest)
})

test('a feed that comes when the hub is closed is closed, too', async () => {
  const { clock, broker, house } = faulty()
  slowly(broker, clock)
  const guest = new Guest(house)
  guest.subscribe('log')
  await clock.settle()
  await house.hub.close()
  await clock.advance(1_000)
  expect(broker.feeds).toBe(0)
  await house.end(guest)
})

test('at most 1,000 channels linger', async () => {
  const { clock, broker, house } = faulty()
  const guest = new Guest(house, { subscriptions: 2_000 })
  for (let i = 0; i < 1_001; i++) guest.subscribe('log', undefined, `room ${i}`)
  await clock.settle()
  expect(broker.feeds).toBe(1_001)
  guest.detach()
  expect(broker.feeds).toBe(1_000)
  await house.end(guest)
  expect(broker.feeds).toBe(0)
})

test('a lost last message is found within 10 s, by comparing', async () => {
  const { clock, broker, house } = faulty()
  const guest = new Guest(house)
  guest.subscribe('log')
  await clock.settle()
  broker.fates.push('lost')
  await house.publish(rooms.log, 'one')
  expect(guest.news()).toEqual([])
  await clock.advance(10_500)
  expect(guest.news()).toEqual(['m1:one'])
  await house.end(guest)
})

test('it is found though another part of the engine cannot be reached', async () => {
  const { clock, broker, house } = faulty()
  const [here, apart] = [new Guest(house), new Guest(house)]
  here.subscribe('log', undefined, 'here')
  apart.subscribe('log', undefined, 'apart')
  await clock.settle()
  broker.apart.add(channelOf('log', 'apart'))
  broker.fates.push('lost', 'lost')
  for (const room of ['apart', 'here']) await house.publish(rooms.log, 'one', { room })
  await clock.advance(10_500)
  expect([here.news(), apart.news()]).toEqual([['m1:one'], []])
  broker.apart.clear()
  await clock.advance(10_500)
  expect(apart.news()).toEqual(['m1:one'])
  await house.end(here, apart)
})

test('it is found at once when the engine can be reached again', async () => {
  const { clock, broker, house } = faulty()
  const guest = new Guest(house)
  guest.subscribe('log')
  await clock.settle()
  broker.become('down')
  broker.fates.push('lost')
  await house.publish(rooms.log, 'one')
  broker.become('up')
  await clock.advance(300)
  expect(guest.news()).toEqual(['m1:one'])
  await house.end(guest)
})

test('a hole in the feed is filled from the memory, without a gap', async () => {
  const { clock, broker, house } = faulty()
  const guest = new Guest(house)
  guest.subscribe('log')
  await clock.settle()
  broker.fates.push('lost', 'told')
  await house.publish(rooms.log, 'one')
  await house.publish(rooms.log, 'two')
  await clock.settle()
  expect(guest.news()).toEqual(['m1:one', 'm2:two'])
  await house.end(guest)
})

test('what comes twice or late is sent once, and nobody is asked for it again', async () => {
  const { clock, broker, house } = faulty()
  const guest = new Guest(house)
  guest.subscribe('log')
  await clock.settle()
  broker.fates.push('twice', 'swapped', 'told', 'told')
  for (const text of ['one', 'two', 'three', 'four']) {
    await house.publish(rooms.log, text)
    await clock.settle()
  }
  expect(guest.news()).toEqual(['m1:one', 'm2:two', 'm3:three', 'm4:four'])
  expect(broker.calls.get('read')).toBe(1)
  await house.end(guest)
})

test('what a reader has read before the feed tells it is not sent again', async () => {
  const { clock, broker } = faulty()
  const house = new House({ clock, broker, rings: new Rings({ changes: 1, bytes: 1_000, totalBytes: 1_000 }) })
  for (const text of ['one', 'two']) await house.publish(rooms.log, text)
  const early = new Guest(house)
  early.subscribe('log')
  await clock.settle()
  broker.feedMs = 100
  await house.publish(rooms.log, 'three')
  const guest = new Guest(house)
  guest.subscribe('log', { rewind: 5 })
  await clock.settle()
  expect(guest.news()).toEqual(['m1:one', 'm2:two', 'm3:three'])
  await clock.advance(200)
  expect([early.news(), guest.news()]).toEqual([['m3:three'], []])
  await house.end(early, guest)
})

test('a broker that forgot is a new epoch: told by a gap before its first message', async () => {
  const { clock, broker, house } = faulty()
  const guest = new Guest(house)
  guest.subscribe('log')
  await clock.settle()
  await house.publish(rooms.log, 'one')
  await broker.wipe()
  const [epoch] = await house.publish(rooms.log, 'two')
  await clock.settle()
  expect(guest.told.splice(0).slice(-2)).toMatchObject([
    { kind: 'gap', epoch, offset: 0 },
    { message: 'two', offset: 1 },
  ])
  await house.publish(rooms.log, 'three')
  expect(guest.news()).toEqual(['m2:three'])
  await house.end(guest)
})

test('what is told of a new epoch while the broker is asked about it is not lost', async () => {
  const { clock, broker, house } = faulty()
  const guest = new Guest(house)
  guest.subscribe('log')
  await clock.settle()
  await broker.wipe()
  broker.readMs = 50
  await house.publish(rooms.log, 'one')
  await clock.advance(10)
  await house.publish(rooms.log, 'two')
  await clock.advance(500)
  expect(guest.news()).toEqual(['gap@0', 'm1:one', 'm2:two'])
  await house.end(guest)
})

test('a new epoch is found by the check, too', async () => {
  const { clock, broker, house } = faulty()
  const guest = new Guest(house)
  guest.subscribe('log')
  await clock.settle()
  await house.publish(rooms.log, 'one')
  await broker.wipe()
  broker.fates.push('lost')
  await house.publish(rooms.log, 'two')
  await clock.advance(11_000)
  expect(guest.news()).toEqual(['m1:one', 'gap@0', 'm1:two'])
  await house.end(guest)
})

test('what an engine brings that no client may be sent is a gap, of a key its end', async () => {
  const { clock, broker, house } = faulty()
  const guest = new Guest(house)
  guest.subscribe('log')
  guest.subscribe('latest')
  await clock.settle()
  const body = Uint8Array.of(0xc1)
  await broker.publish(log, { body })
  await broker.publish(channelRef(latest, 'a'), { body, key: 'ada' })
  expect(guest.news()).toEqual(['gap@1', 'r1:ada'])
  await house.publish(rooms.log, 'fine')
  expect(guest.news()).toEqual(['m2:fine'])
  await house.end(guest)
})

test('keys that a client owns go with its session, unless somebody has published them since', async () => {
  const house = new House()
  const [watcher, owner] = [new Guest(house), new Guest(house, { publicId: 'owner' })]
  watcher.subscribe('latest')
  await house.clock.settle()
  for (const [i, who] of ['ada', 'bob', 'eve'].entries())
    await house.publish(rooms.latest, { who, at: i }, { owner: 'owner' })
  await house.publish(rooms.latest, { who: 'bob', at: 3 })
  watcher.news()
  owner.close()
  await house.clock.settle()
  expect(watcher.news()).toEqual(['r5:ada', 'r6:eve'])
  await house.end(watcher)
})

test('a key that another session publishes is that one’s from then on', async () => {
  const house = new House()
  const [first, second] = ['first', 'second'].map(publicId => new Guest(house, { publicId }))
  const watcher = new Guest(house)
  watcher.subscribe('latest')
  await house.clock.settle()
  for (const owner of ['first', 'second']) await house.publish(rooms.latest, { who: 'ada', at: 1 }, { owner })
  watcher.news()
  first?.close()
  await house.clock.settle()
  expect(watcher.news()).toEqual([])
  second?.close()
  await house.clock.settle()
  expect(watcher.news()).toEqual(['r3:ada'])
  await house.end(watcher)
})

test('a key whose session ended while it was being published goes at once', async () => {
  const house = new House()
  const [watcher, owner] = [new Guest(house), new Guest(house, { publicId: 'owner' })]
  watcher.subscribe('latest')
  await house.clock.settle()
  const published = house.publish(rooms.latest, { who: 'ada', at: 1 }, { owner: 'owner' })
  owner.close()
  await published
  await house.clock.settle()
  expect(watcher.news()).toEqual(['m1:ada/1', 'r2:ada'])
  await house.end(watcher)
})

test('owned keys live for as long as their session, and not longer than a lease when the server is gone', async () => {
  const { clock, broker, house } = faulty()
  const owner = new Guest(house, { publicId: 'owner' })
  await house.publish(rooms.latest, { who: 'ada', at: 1 }, { owner: 'owner' })
  await clock.advance(300_000)
  const all = { messages: 10, bytes: 1_000 }
  const keys = async () =>
    (await broker.inner.read(channelRef(latest, 'a'), { after: 0 }, all)).changes.filter(({ body }) => body)
  expect(await keys()).toHaveLength(1)
  house.deadlines.clear()
  await clock.advance(31_000)
  expect(await keys()).toHaveLength(0)
  await house.end(owner)
})

test.each([
  [999, true],
  [1_000, true],
  [1_001, false],
])('a session may own 1,000 keys: number %i is taken: %s', async (count, taken) => {
  const house = new House()
  const owner = new Guest(house, { publicId: 'owner' })
  for (let i = 1; i < count; i++) await house.publish(rooms.latest, { who: `k${i}`, at: i }, { owner: 'owner' })
  const last = house.publish(rooms.latest, { who: 'last', at: 0 }, { owner: 'owner' })
  if (taken) await expect(last).resolves.toEqual([expect.any(String), count])
  else await expect(last).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' })
  if (!taken) await house.publish(rooms.latest, { who: 'k1', at: 0 }, { owner: 'owner' })
  await house.end(owner)
})

test('a broker that is down for long is told of at once and then once a minute, and everything goes on when it is back', async () => {
  const { clock, broker, house } = faulty()
  const guest = new Guest(house)
  guest.subscribe('log')
  await clock.settle()
  for (const method of ['publish', 'subscribe', 'read', 'heads', 'renew'] as const)
    broker.failures.set(method, 'rejects')
  for (let second = 0; second < 120; second++) {
    for (let i = 0; i < 10; i++) {
      await expect(house.publish(rooms.log, 'lost')).rejects.toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    }
    await clock.advance(1_000)
  }
  expect(house.troubles.map(String)).toEqual([
    'Error: publish rejects',
    'Error: heads rejects',
    'Error: renew rejects',
    'Error: 600 times within 60 s: publish rejects',
    'Error: 30 times within 60 s: renew rejects',
    'Error: 7 times within 67 s: heads rejects',
  ])
  expect(house.troubles[3]).toMatchObject({ cause: new Error('publish rejects') })
  broker.failures.clear()
  await house.publish(rooms.log, 'one')
  expect(guest.news()).toEqual(['m1:one'])
  await house.end(guest)
})

test.each(['throws', 'rejects', 'hangs'] as const)(
  'a broker that %s: whoever asked learns that it failed, and onError alone why, once',
  async failure => {
    const { clock, broker, house } = faulty()
    broker.failures.set('publish', failure)
    const refused = expect(house.publish(rooms.log, 'one')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await clock.advance(6_000)
    await refused
    expect(house.troubles.map(String)).toEqual([
      failure === 'hangs' ? 'TautlineError: the broker does not answer' : `Error: publish ${failure}`,
    ])
    await house.end()
  },
)

test('what a broker refuses on purpose is for whoever asked, and no trouble', async () => {
  const { broker, house } = faulty()
  const publish = broker.publish.bind(broker)
  broker.publish = () => Promise.reject(new TautlineError('RESOURCE_EXHAUSTED', 'too large'))
  await expect(house.publish(rooms.log, 'one')).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' })
  broker.publish = publish
  expect(house.troubles).toEqual([])
  await house.end()
})

/** Feeds tell at once, but are given a second later. */
function slowly(broker: FaultyBroker, clock: VirtualClock): void {
  const { subscribe } = broker
  broker.subscribe = async (channel, listener) => {
    const feed = await subscribe.call(broker, channel, listener)
    await new Promise<void>(resolve => clock.setTimeout(resolve, 1_000))
    return feed
  }
}
