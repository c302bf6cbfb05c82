import { Deadlines, encodeValue } from '@tautline/core/wire'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { VirtualClock } from '../../testing/src/clock.ts'
import { GuardedBroker } from '../src/guarded-broker.ts'
import { memory } from '../src/memory.ts'
import { ORDERS, Orders } from '../src/orders.ts'
import { FaultyBroker } from './support/faulty-broker.ts'

let clock: VirtualClock
let broker: FaultyBroker
let deadlines: Deadlines
const servers: Orders[] = []
const done: string[] = []
const reported: string[] = []

beforeEach(() => {
  clock = new VirtualClock()
  broker = new FaultyBroker(clock)
  deadlines = new Deadlines(clock, 50)
})

afterEach(async () => {
  for (const server of servers.splice(0)) server.close()
  await broker.close()
  await clock.settle()
  deadlines.clear()
  expect(clock.pending).toBe(0)
  done.length = reported.length = 0
})

async function open(name: string): Promise<Orders> {
  const server = new Orders({
    broker: new GuardedBroker(broker, deadlines, () => undefined),
    deadlines,
    failures: { report: error => String(reported.push(`${name}: ${error}`)) },
    obey: (order, identity) => void done.push(`${name}: ${order} ${identity}`),
  })
  servers.push(server)
  await clock.settle()
  return server
}

test('are done by all other servers, once and in order', async () => {
  const [a] = [await open('a'), await open('b'), await open('c')]
  await Promise.all([a?.tell('disconnect', 'ada'), a?.tell('recheck', 'bob')])
  await clock.settle()
  expect(done.sort()).toEqual(['b: disconnect ada', 'b: recheck bob', 'c: disconnect ada', 'c: recheck bob'])
})

test('are not done by a server that begins later', async () => {
  const a = await open('a')
  await a.tell('disconnect', 'ada')
  await open('b')
  await clock.advance(30_000)
  expect(done).toEqual([])
})

test.each(['lost', 'twice'] as const)('of which the feed was %s are done once, within 10 s', async fate => {
  const a = await open('a')
  await open('b')
  broker.fates.push(fate, fate, fate, fate)
  await a.tell('disconnect', 'ada')
  await clock.advance(10_100)
  expect(done).toEqual(['b: disconnect ada'])
})

test('are done later where the broker was away', async () => {
  const a = await open('a')
  await open('b')
  broker.failures.set('read', 'rejects')
  await a.tell('disconnect', 'ada')
  await clock.advance(60_000)
  expect(done).toEqual([])
  broker.failures.clear()
  await clock.advance(10_100)
  expect(done).toEqual(['b: disconnect ada'])
})

test.each(['throws', 'rejects', 'hangs'] as const)('are followed as soon as a broker that %s can be', async failure => {
  const a = await open('a')
  broker.failures.set('subscribe', failure)
  await open('b')
  await clock.advance(12_000)
  broker.failures.clear()
  await clock.advance(6_200)
  await a.tell('disconnect', 'ada')
  await clock.settle()
  expect(done).toEqual(['b: disconnect ada'])
})

test('that cannot be told are refused', async () => {
  const a = await open('a')
  broker.failures.set('publish', 'rejects')
  await expect(a.tell('disconnect', 'ada')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

test('that the broker forgot are reported, and later ones are done', async () => {
  const a = await open('a')
  await open('b')
  broker.inner = memory({ clock })
  await a.tell('disconnect', 'ada')
  await clock.advance(10_100)
  expect(reported.sort()).toEqual([expect.stringMatching(/^a: .*forgot/), expect.stringMatching(/^b: .*forgot/)])
  expect(done).toEqual(['b: disconnect ada'])
})

test('that are none are left alone', async () => {
  const a = await open('a')
  const bodies = [
    new Uint8Array([0xc1]),
    ...[1, [], ['x', 'dance', 'ada'], ['x', 'recheck', 1]].map(v => encodeValue(v).bytes),
  ]
  for (const body of bodies) await broker.publish(ORDERS, { body })
  await open('b')
  await broker.publish(ORDERS, { body: encodeValue(['x', 'recheck', 'ada']).bytes })
  await clock.settle()
  expect(done.sort()).toEqual(['a: recheck ada', 'b: recheck ada'])
  expect(reported).toEqual([])
  void a
})
