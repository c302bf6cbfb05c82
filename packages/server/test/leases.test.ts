import { Deadlines } from '@tautline/core/wire'
import { expect, test } from 'vitest'
import { VirtualClock } from '../../testing/src/clock.ts'
import type { BrokerChannel } from '../src/broker.ts'
import { LEASE_MS, Leases } from '../src/leases.ts'
import { memory } from '../src/memory.ts'

const room = (name: string): BrokerChannel => ({
  name,
  retain: { kind: 'latest', count: 100, seconds: Number.POSITIVE_INFINITY },
})
const body = Uint8Array.of(1)

function setUp() {
  const clock = new VirtualClock()
  const deadlines = new Deadlines(clock, 10)
  const broker = memory({ clock })
  const lost: string[] = []
  const leases = new Leases(broker, deadlines, (channel, key) => void lost.push(`${channel.name}/${key}`))
  const take = async (channel: BrokerChannel, key: string) => {
    const [, offset] = await broker.publish(channel, { key, body, leaseMs: LEASE_MS })
    leases.hold(channel, key, offset)
  }
  return { clock, deadlines, broker, lost, leases, take }
}

test('many keys of many channels are renewed on one timer, with one question per channel', async () => {
  const { clock, deadlines, broker, lost, leases, take } = setUp()
  let questions = 0
  const { renew } = broker
  broker.renew = (...args) => {
    questions += 1
    return renew.apply(broker, args)
  }
  for (let i = 0; i < 100; i++) await take(room(`r${i % 5}`), `k${i}`)
  expect(deadlines.size).toBe(1)
  await clock.advance(60_000)
  expect(lost).toEqual([])
  expect(questions).toBe(6 * 5)
  leases.close()
  expect(deadlines.size).toBe(0)
})

test('a key that is gone, or that somebody else has published since, is lost, and let go of', async () => {
  const { clock, broker, lost, leases, take } = setUp()
  for (const key of ['gone', 'theirs', 'mine']) await take(room('r'), key)
  await broker.publish(room('r'), { key: 'gone' })
  await broker.publish(room('r'), { key: 'theirs', body })
  await clock.advance(30_000)
  expect(lost).toEqual(['r/gone', 'r/theirs'])
  leases.close()
})

test('a key that was published again while it was being renewed is not lost', async () => {
  const { clock, broker, lost, leases, take } = setUp()
  await take(room('r'), 'mine')
  const { renew } = broker
  broker.renew = async (...args) => {
    await new Promise<void>(resolve => clock.setTimeout(resolve, 1_000))
    return renew.apply(broker, args)
  }
  await clock.advance(10_500)
  await take(room('r'), 'mine')
  await clock.advance(60_000)
  expect(lost).toEqual([])
  leases.close()
})

test('while nothing is held there is no timer; a broker that is down for a while loses nothing', async () => {
  const { clock, deadlines, broker, lost, leases, take } = setUp()
  await take(room('r'), 'a')
  leases.release(room('r'), 'a')
  expect(deadlines.size).toBe(0)
  await take(room('r'), 'b')
  const { renew } = broker
  broker.renew = () => Promise.reject(new Error('down'))
  await clock.advance(25_000)
  broker.renew = renew
  await clock.advance(60_000)
  expect(lost).toEqual([])
  leases.close()
})
