import { channelOf } from '@tautline/core'
import { encodeValue } from '@tautline/core/wire'
import { expect, test } from 'vitest'
import { VirtualClock } from '../../testing/src/clock.ts'
import type { BrokerChannel } from '../src/broker.ts'
import { PRESENCE_RETENTION } from '../src/presence.ts'
import { FaultyBroker } from './support/faulty-broker.ts'
import { admitted, Guest, House } from './support/topics.ts'

const channel: BrokerChannel = { name: channelOf('log@presence', 'a'), retain: PRESENCE_RETENTION }
const member = encodeValue('someone')

/** A watcher of who is in room a: `+id`, `-id`, `#count`, as it is told. */
async function watch(house: House): Promise<{ readonly guest: Guest; readonly news: () => string[] }> {
  const guest = new Guest(house, { publicId: 'watcher' })
  guest.subscribe('log@presence')
  await house.clock.settle()
  guest.told.length = 0
  const news = () =>
    guest.told.splice(0).flatMap(told => {
      if (told.kind === 'retract') return [`-${told.key}`]
      if (told.kind !== 'message') return []
      return [told.key === '' ? `#${(told.message as { count: number }).count}` : `+${told.key}`]
    })
  return { guest, news }
}

test('who subscribes is there, who unsubscribes is not; watching alone makes nobody a member', async () => {
  const house = new House()
  const { guest: watcher, news } = await watch(house)
  const ada = new Guest(house, { publicId: 'ada' })
  const id = ada.subscribe('log')
  await house.clock.settle()
  expect(news()).toEqual(['+ada'])
  await house.clock.advance(2_000)
  ada.unsubscribe(id)
  await house.clock.settle()
  expect(news()).toEqual(['-ada'])
  await house.end(watcher, ada)
})

test('a session is one member, however many subscriptions it has; it leaves with the last', async () => {
  const house = new House()
  const { guest: watcher, news } = await watch(house)
  const ada = new Guest(house, { publicId: 'ada' })
  const ids = [ada.subscribe('log'), ada.subscribe('log')]
  await house.clock.advance(2_000)
  expect(news()).toEqual(['+ada'])
  ada.unsubscribe(ids[0] ?? 0)
  await house.clock.advance(2_000)
  expect(news()).toEqual([])
  ada.unsubscribe(ids[1] ?? 0)
  await house.clock.advance(2_000)
  expect(news()).toEqual(['-ada'])
  await house.end(watcher, ada)
})

test('who comes later is told of everybody who is there', async () => {
  const house = new House()
  const ada = new Guest(house, { publicId: 'ada' })
  ada.subscribe('log')
  await house.clock.settle()
  const bob = new Guest(house, { publicId: 'bob' })
  bob.subscribe('log@presence')
  await house.clock.settle()
  expect(bob.news()).toEqual(['m1:someone'])
  await house.end(ada, bob)
})

test('a drop that is resumed makes nobody leave', async () => {
  const house = new House()
  const { guest: watcher, news } = await watch(house)
  const ada = new Guest(house, { publicId: 'ada' })
  ada.subscribe('log')
  await house.clock.advance(2_000)
  ada.detach()
  await house.clock.advance(25_000)
  ada.attach()
  await house.clock.advance(4_900)
  ada.subscribe('log')
  await house.clock.advance(10_000)
  expect(news()).toEqual(['+ada'])
  await house.end(watcher, ada)
})

test('who resumes and has not subscribed again after 5 s has left', async () => {
  const house = new House()
  const { guest: watcher, news } = await watch(house)
  const ada = new Guest(house, { publicId: 'ada' })
  ada.subscribe('log')
  await house.clock.advance(2_000)
  ada.detach()
  ada.attach()
  await house.clock.advance(4_900)
  expect(news()).toEqual(['+ada'])
  await house.clock.advance(200)
  expect(news()).toEqual(['-ada'])
  await house.end(watcher, ada)
})

test('a second drop gives another 5 s', async () => {
  const house = new House()
  const { guest: watcher, news } = await watch(house)
  const ada = new Guest(house, { publicId: 'ada' })
  ada.subscribe('log')
  await house.clock.advance(2_000)
  for (let i = 0; i < 3; i++) {
    ada.detach()
    ada.attach()
    await house.clock.advance(4_000)
  }
  expect(news()).toEqual(['+ada'])
  await house.end(watcher, ada)
})

test('the end of its session takes a member out of every room', async () => {
  const house = new House()
  const { guest: watcher, news } = await watch(house)
  const ada = new Guest(house, { publicId: 'ada' })
  for (const room of ['a', 'b']) ada.subscribe('log', undefined, room)
  await house.clock.advance(2_000)
  ada.close()
  await house.clock.settle()
  expect(news()).toEqual(['+ada', '-ada'])
  await house.end(watcher)
})

test('who is let in under a new name is told of anew, under the same name nothing is', async () => {
  const house = new House()
  const { guest: watcher, news } = await watch(house)
  const ada = new Guest(house, { publicId: 'ada' })
  ada.subscribe('log')
  await house.clock.advance(2_000)
  await ada.subscriptions.recheck()
  await house.clock.advance(2_000)
  expect(news()).toEqual(['+ada'])
  ada.admit = async (path, params) => ({ ...(await admitted(path, params)), member: async () => 'somebody else' })
  await ada.subscriptions.recheck()
  await house.clock.advance(2_000)
  expect(watcher.news()).toEqual(['m2:somebody else'])
  await house.end(watcher, ada)
})

test('changes are told at most once a second, and who came and went meanwhile is not mentioned', async () => {
  const house = new House()
  const { guest: watcher, news } = await watch(house)
  const { presence } = house.hub
  presence.enter(channel, 'ada', member)
  await house.clock.settle()
  expect(news()).toEqual(['+ada'])
  presence.enter(channel, 'bob', member)
  presence.enter(channel, 'eve', member)
  presence.leave(channel, 'eve')
  await house.clock.advance(990)
  expect(news()).toEqual([])
  await house.clock.advance(20)
  expect(news()).toEqual(['+bob'])
  presence.leave(channel, 'ada')
  presence.leave(channel, 'bob')
  await house.clock.advance(1_100)
  expect(news()).toEqual(['-ada', '-bob'])
  await house.end(watcher)
})

test.each([
  [2, []],
  [3, []],
  [4, ['#4']],
])('of at most 3 members that are listed, with %i there: %o', async (count, overflow) => {
  const house = new House({ members: 3 })
  const { guest: watcher, news } = await watch(house)
  const names = Array.from({ length: count }, (_, i) => `m${i}`)
  for (const name of names) house.hub.presence.enter(channel, name, member)
  await house.clock.advance(2_000)
  expect(news()).toEqual([...names.slice(0, 3).map(name => `+${name}`), ...overflow])
  for (const name of names) house.hub.presence.leave(channel, name)
  await house.end(watcher)
})

test('when one who is listed leaves, one who was only counted is listed', async () => {
  const house = new House({ members: 2 })
  const { guest: watcher, news } = await watch(house)
  for (const name of ['ada', 'bob', 'eve', 'zoe']) house.hub.presence.enter(channel, name, member)
  await house.clock.advance(2_000)
  expect(news()).toEqual(['+ada', '+bob', '#4'])
  house.hub.presence.leave(channel, 'ada')
  await house.clock.advance(3_000)
  expect(news()).toEqual(['-ada', '#3', '+eve'])
  house.hub.presence.leave(channel, 'bob')
  await house.clock.advance(3_000)
  expect(news()).toEqual(['-bob', '#2', '+zoe', '-'])
  for (const name of ['eve', 'zoe']) house.hub.presence.leave(channel, name)
  await house.end(watcher)
})

test.each(['throws', 'rejects'] as const)(
  'while the broker %s nobody is forgotten: it is told when it can be',
  async failure => {
    const clock = new VirtualClock()
    const broker = new FaultyBroker(clock)
    const house = new House({ clock, broker })
    const { guest: watcher, news } = await watch(house)
    const { presence } = house.hub
    presence.enter(channel, 'gone', member)
    await clock.advance(2_000)
    broker.failures.set('publish', failure)
    presence.enter(channel, 'ada', member)
    presence.leave(channel, 'gone')
    await clock.advance(3_000)
    expect(news()).toEqual(['+gone'])
    broker.failures.clear()
    await clock.advance(2_000)
    expect(news().sort()).toEqual(['+ada', '-gone'])
    presence.leave(channel, 'ada')
    await house.end(watcher)
  },
)

test('when the broker has forgotten everybody, everybody is told of again', async () => {
  const clock = new VirtualClock()
  const broker = new FaultyBroker(clock)
  const house = new House({ clock, broker, members: 2 })
  const { guest: watcher, news } = await watch(house)
  for (const name of ['ada', 'bob', 'eve']) house.hub.presence.enter(channel, name, member)
  await clock.advance(2_000)
  expect(news()).toEqual(['+ada', '+bob', '#3'])
  await broker.wipe()
  await clock.advance(12_000)
  expect(news()).toEqual(['+ada', '+bob', '#3'])
  for (const name of ['ada', 'bob', 'eve']) house.hub.presence.leave(channel, name)
  await house.end(watcher)
})

test('members of a server that is gone are gone within their lease, those of the others stay', async () => {
  const clock = new VirtualClock()
  const broker = new FaultyBroker(clock)
  const [house, other] = [new House({ clock, broker }), new House({ clock, broker })]
  const { guest: watcher, news } = await watch(house)
  house.hub.presence.enter(channel, 'ada', member)
  other.hub.presence.enter(channel, 'bob', member)
  await clock.advance(60_000)
  expect(news().sort()).toEqual(['+ada', '+bob'])
  // The other server is no more: what it would do, it does not do any more.
  other.deadlines.clear()
  await clock.advance(31_000)
  expect(news()).toEqual(['-bob'])
  house.hub.presence.leave(channel, 'ada')
  await house.end(watcher)
})

test('a server that closes takes its members along', async () => {
  const clock = new VirtualClock()
  const broker = new FaultyBroker(clock)
  const [house, other] = [new House({ clock, broker }), new House({ clock, broker })]
  const { guest: watcher, news } = await watch(house)
  for (const name of ['ada', 'bob']) other.hub.presence.enter(channel, name, member)
  await clock.advance(2_000)
  expect(news()).toEqual(['+ada', '+bob'])
  await other.hub.close()
  expect(other.deadlines.size).toBe(0)
  expect(news()).toEqual(['-ada', '-bob'])
  await house.end(watcher)
})
