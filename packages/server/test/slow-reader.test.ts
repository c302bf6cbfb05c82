import { decodeMessage, FrameType, Link, parseFromClient, pipe, SCAN_LIMITS, systemClock } from '@tautline/core/wire'
import { expect, test } from 'vitest'
import { VirtualClock } from '../../testing/src/clock.ts'
import { Flow } from '../src/flow.ts'
import { Rings } from '../src/ring.ts'
import { Subscriptions } from '../src/subscriptions.ts'
import { FaultyBroker } from './support/faulty-broker.ts'
import { admitted, Guest, House, rooms } from './support/topics.ts'

const MiB = 1_024 * 1_024
const slow = { highWaterBytes: 100, lowWaterBytes: 50 }

test.each([
  [99, true],
  [100, true],
  [101, false],
])('with %i of 100 bytes unsent, what is new is pushed: %s', (unsentBytes, open) => {
  expect(new Flow({ attached: true, unsentBytes }, slow).open).toBe(open)
})

test.each([
  [49, true, true],
  [50, true, true],
  [51, true, false],
  [0, false, false],
])(
  'with %i bytes unsent (a socket is there: %s) a page of what was missed is sent: %s',
  (unsentBytes, attached, idle) => {
    expect(new Flow({ attached, unsentBytes }, slow).idle).toBe(idle)
  },
)

test('a slow reader of a log gets the rest as it drains, and is live again', async () => {
  const house = new House()
  const guest = new Guest(house, slow)
  guest.subscribe('log')
  await house.clock.settle()
  guest.link.fast = false
  const texts = ['1', '2', '3', '4', '5', '6', '7', '8']
  for (const text of texts) await house.publish(rooms.log, `text ${text}`)
  const pushed = guest.news()
  expect(pushed.length).toBeLessThan(texts.length)
  guest.link.drain(40)
  expect(guest.news()).toEqual([])
  guest.link.fast = true
  guest.link.drain()
  await house.clock.settle()
  expect([...pushed, ...guest.news()]).toEqual(texts.map(text => `m${text}:text ${text}`))
  await house.publish(rooms.log, 'text 9')
  expect(guest.news()).toEqual(['m9:text 9'])
  await house.end(guest)
})

test('it is never handed more than fits below high water, and one message', async () => {
  const house = new House()
  const guest = new Guest(house, slow)
  guest.subscribe('big')
  await house.clock.settle()
  guest.link.fast = false
  for (let i = 0; i < 50; i++) await house.publish(rooms.big, '0123456789')
  const [frame] = [guest.link.unsentBytes / guest.told.filter(({ kind }) => kind === 'message').length]
  for (let i = 0; i < 20; i++) {
    expect(guest.link.unsentBytes).toBeLessThanOrEqual(slow.highWaterBytes + frame + 1)
    guest.link.drain()
    await house.clock.settle()
  }
  expect(guest.news()).toHaveLength(50)
  await house.end(guest)
})

test('the others are live all the while', async () => {
  const house = new House()
  const [stalled, brisk] = [new Guest(house, slow), new Guest(house, slow)]
  for (const guest of [stalled, brisk]) guest.subscribe('log')
  await house.clock.settle()
  stalled.link.fast = false
  stalled.link.unsentBytes = 1_000
  for (const text of ['one', 'two']) {
    await house.publish(rooms.log, text)
    await house.clock.settle()
  }
  expect(brisk.news()).toEqual(['m1:one', 'm2:two'])
  expect(stalled.news()).toEqual([])
  await house.end(stalled, brisk)
})

test('a reader so slow that the log no longer has its place is told of the gap before it goes on', async () => {
  const house = new House({ rings: new Rings({ changes: 1, bytes: 1_000, totalBytes: 1_000 }) })
  const guest = new Guest(house, slow)
  guest.subscribe('log')
  await house.clock.settle()
  await house.publish(rooms.log, 'one')
  guest.link.fast = false
  guest.link.unsentBytes = 1_000
  for (let i = 2; i <= 15; i++) await house.publish(rooms.log, `${i}`)
  guest.link.fast = true
  guest.link.drain()
  await house.clock.settle()
  const kept = [6, 7, 8, 9, 10, 11, 12, 13, 14, 15].map(i => `m${i}:${i}`)
  expect(guest.news()).toEqual(['m1:one', 'gap@5', ...kept])
  await house.end(guest)
})

test('a slow reader of the newest per key gets the newest of every key, and little else', async () => {
  const house = new House()
  const guest = new Guest(house, slow)
  guest.subscribe('latest')
  await house.clock.settle()
  guest.link.fast = false
  guest.link.unsentBytes = 1_000
  for (let at = 1; at <= 100; at++) await house.publish(rooms.latest, { who: at % 2 ? 'ada' : 'bob', at })
  guest.link.fast = true
  guest.link.drain()
  await house.clock.settle()
  expect(guest.news()).toEqual(['m99:ada/99', 'm100:bob/100'])
  await house.end(guest)
})

test('a slow reader of the newest per key whose retractions are forgotten starts all over', async () => {
  const house = new House({ rings: new Rings({ changes: 1, bytes: 1_000, totalBytes: 1_000 }) })
  const guest = new Guest(house, slow)
  for (const who of ['ada', 'bob']) await house.publish(rooms.latest, { who, at: 0 })
  guest.subscribe('latest')
  await house.clock.settle()
  expect(guest.news()).toEqual(['m1:ada/0', 'm2:bob/0'])
  guest.link.fast = false
  guest.link.unsentBytes = 1_000
  await house.hub.retract(rooms.latest as never, 'a', 'ada')
  await house.publish(rooms.latest, { who: 'eve', at: 4 })
  await house.clock.advance(700_000)
  await house.publish(rooms.latest, { who: 'zoe', at: 5 })
  guest.link.fast = true
  guest.link.drain()
  await house.clock.settle()
  expect(guest.news()).toEqual(['gap@0', 'm2:bob/0', 'm4:eve/4', 'm5:zoe/5'])
  await house.end(guest)
})

test('without memory a slow reader is told of a gap, and goes on with the present', async () => {
  const house = new House()
  const guest = new Guest(house, slow)
  guest.subscribe('live')
  await house.clock.settle()
  guest.link.fast = false
  guest.link.unsentBytes = 1_000
  await house.publish(rooms.live, 'lost')
  guest.link.drain(940)
  await house.publish(rooms.live, 'lost, too')
  expect(guest.news()).toEqual([])
  guest.link.drain()
  await house.publish(rooms.live, 'here')
  expect(guest.news()).toEqual(['gap@0', 'm0:here'])
  await house.end(guest)
})

test('who was slow while nothing happened has missed nothing', async () => {
  const house = new House()
  const guest = new Guest(house, slow)
  guest.subscribe('live')
  await house.clock.settle()
  guest.link.unsentBytes = 1_000
  guest.link.drain()
  await house.publish(rooms.live, 'one')
  expect(guest.news()).toEqual(['m0:one'])
  await house.end(guest)
})

test('whose socket was full when it subscribed misses nothing of what follows', async () => {
  const house = new House()
  const guest = new Guest(house, slow)
  guest.link.fast = false
  guest.link.unsentBytes = 1_000
  for (const path of ['live', 'log']) guest.subscribe(path)
  await house.clock.settle()
  await house.publish(rooms.live, 'one')
  await house.publish(rooms.log, 'two')
  guest.link.drain()
  await house.clock.settle()
  expect(guest.news()).toEqual(['gap@0', 'm1:two'])
  await house.end(guest)
})

test('channels that are behind take turns', async () => {
  const house = new House()
  const guest = new Guest(house, { highWaterBytes: 1_000_000, lowWaterBytes: 0 })
  for (const room of ['a', 'b']) guest.subscribe('log', undefined, room)
  await house.clock.settle()
  guest.link.fast = false
  guest.link.unsentBytes = 2_000_000
  for (let i = 0; i < 4; i++)
    for (const room of ['a', 'b']) await house.publish(rooms.log, room.repeat(40_000), { room })
  const turns: string[] = []
  for (let i = 0; i < 8; i++) {
    guest.link.drain()
    await house.clock.settle()
    turns.push(...guest.news().map(each => each.slice(0, 4)))
  }
  expect(turns.slice(0, 4).map(each => each.at(-1))).toEqual(expect.arrayContaining(['a', 'b']))
  expect(turns).toHaveLength(8)
  await house.end(guest)
})

test('what a thousand sockets missed is read once', async () => {
  const clock = new VirtualClock()
  const broker = new FaultyBroker(clock)
  const house = new House({ clock, broker })
  const since = await house.publish(rooms.log, 'one')
  for (const text of ['two', 'three']) await house.publish(rooms.log, text)
  const guests = Array.from({ length: 1_000 }, (_, i) => new Guest(house, { publicId: `g${i}` }))
  for (const guest of guests.slice(0, 500)) guest.subscribe('log', { since })
  await clock.settle()
  for (const guest of guests.slice(500)) guest.subscribe('log', { since })
  await clock.settle()
  for (const guest of guests) expect(guest.news()).toEqual(['m2:two', 'm3:three'])
  expect(broker.calls.get('subscribe')).toBe(1)
  expect(broker.calls.get('read')).toBe(1)
  await house.end(...guests)
})

test('who shares a page that was asked for before it began reads what was retracted since', async () => {
  const clock = new VirtualClock()
  const broker = new FaultyBroker(clock)
  const house = new House({ clock, broker, rings: new Rings({ changes: 1, bytes: 1_000, totalBytes: 1_000 }) })
  await house.publish(rooms.latest, { who: 'ada', at: 1 })
  broker.readMs = 300
  const [early, late] = [new Guest(house), new Guest(house)]
  early.subscribe('latest')
  await clock.advance(100)
  await house.hub.retract(rooms.latest as never, 'a', 'ada')
  await house.publish(rooms.latest, { who: 'bob', at: 3 })
  late.subscribe('latest')
  await clock.advance(2_000)
  expect(early.news()).toEqual(['m1:ada/1', 'r2:ada', 'm3:bob/3'])
  expect(late.news()).toEqual(['m3:bob/3'])
  await house.end(early, late)
})

test('a slow reader that subscribes again in a new epoch hears of it before it is answered', async () => {
  const clock = new VirtualClock()
  const broker = new FaultyBroker(clock)
  const house = new House({ clock, broker })
  const guest = new Guest(house, slow)
  guest.subscribe('log')
  await clock.settle()
  await house.publish(rooms.log, 'one')
  guest.told.length = 0
  guest.link.fast = false
  guest.link.unsentBytes = 1_000
  await broker.wipe()
  const [epoch] = await house.publish(rooms.log, 'two')
  await clock.settle()
  guest.subscribe('log')
  await clock.settle()
  guest.link.drain()
  await clock.settle()
  expect(guest.told.splice(0)).toMatchObject([
    { kind: 'gap', epoch, offset: 0 },
    { kind: 'subscribed', fields: { epoch, offset: 1, gap: false } },
    { kind: 'message', offset: 1, message: 'two' },
  ])
  await house.end(guest)
})

test('a broker that does not answer is asked again, and nothing is lost or sent twice', async () => {
  const clock = new VirtualClock()
  const broker = new FaultyBroker(clock)
  const house = new House({ clock, broker, rings: new Rings({ changes: 1, bytes: 1_000, totalBytes: 1_000 }) })
  const guest = new Guest(house, slow)
  guest.subscribe('log')
  await clock.settle()
  guest.link.fast = false
  guest.link.unsentBytes = 1_000
  for (const text of ['one', 'two', 'three']) await house.publish(rooms.log, text)
  guest.link.fast = true
  for (const failure of ['throws', 'rejects', 'hangs'] as const) {
    broker.failures.set('read', failure)
    guest.link.drain()
    await clock.advance(6_500)
    expect(guest.news()).toEqual([])
  }
  broker.failures.clear()
  await clock.advance(6_500)
  expect(guest.news()).toEqual(['m1:one', 'm2:two', 'm3:three'])
  await house.end(guest)
})

test('over a real link, a client in catch-up never has more unsent than high water and a message', async () => {
  const house = new House()
  const [near, far] = pipe()
  const limits = { highWaterBytes: 100_000, lowWaterBytes: 20_000, subscriptions: 1 }
  let most = 0
  const link = new Link(
    {
      parse: parseFromClient,
      clock: systemClock,
      deadlines: house.deadlines,
      limits: { sendBytes: MiB, receiveBytes: MiB, replayBytes: MiB, itemWaterBytes: MiB, scan: SCAN_LIMITS },
    },
    { broken: error => expect.fail(error.reason), closed: () => undefined, overflowed: () => undefined },
    {
      frame: () => undefined,
      room: () => {
        most = Math.max(most, link.unsentBytes)
        subscriptions.room()
      },
    },
  )
  const internal = () => expect.fail('no error is expected')
  const { hub, deadlines } = house
  const subscriptions = new Subscriptions({ hub, link, deadlines, limits, publicId: 'one', admit: admitted, internal })
  link.attach(near, 0)
  subscriptions.attached()
  const offsets: number[] = []
  far.listen({
    message: bytes =>
      decodeMessage(
        bytes,
        SCAN_LIMITS,
        value => void (value[0] === FrameType.MESSAGE && offsets.push(value[2] as number)),
      ),
    drain: () => undefined,
    close: () => undefined,
  })
  subscriptions.receive([FrameType.SUBSCRIBE, 1, 'big', 'a'])
  await house.clock.settle()
  far.pause?.()
  for (let i = 0; i < 200; i++) await house.publish(rooms.big, 'x'.repeat(10_000))
  expect(link.unsentBytes).toBeGreaterThan(100_000)
  far.resume?.()
  await expect.poll(() => offsets.length).toBe(200)
  expect(offsets).toEqual(Array.from({ length: 200 }, (_, i) => i + 1))
  expect(most).toBeLessThan(100_000 + 10_100)
  subscriptions.close()
  link.close()
  await house.end()
})
