import { type Clock, systemClock } from '@tautline/core/wire'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { House, pass, until } from '../../../test/support/house.ts'
import { LeapingClock } from '../../../test/support/leaping-clock.ts'
import { redis } from '../src/redis.ts'
import { RedisServer, tool } from './support/redis-server.ts'

const AOF = ['--appendonly', 'yes', '--appendfsync', 'always']

tool.describe('two servers on a Redis that', () => {
  let engine: RedisServer
  let house: House

  /** Two servers, a subscriber and a publisher on each. */
  async function open(config: readonly string[] = [], clock: Clock = systemClock): Promise<void> {
    engine = await RedisServer.start(config)
    await house.open(() => redis(engine.client()), { clock })
    await house.goesOn()
  }

  beforeEach(() => {
    house = new House()
  })

  afterEach(async () => {
    await house.end()
    await engine.end()
  })

  test.each([500, 3_000])(
    'is killed for %i ms and remembers: nothing is lost, and nobody is told of a gap',
    { timeout: 30_000 },
    async ms => {
      await open(AOF)
      await engine.kill()
      await pass(ms)
      await engine.go()
      expect(await house.goesOn()).toBeLessThan(2_000)
      expect(await house.verdict()).toMatchObject({ rejected: expect.any(Number) })
      expect(house.outcomes.rejected).toBeGreaterThan(0)
      expect(house.gaps).toEqual([])
      // Each server tells of each cause once, however many publishes it cost.
      expect(house.troubles.map(String)).toContain('TautlineError: Redis cannot be reached')
      expect(house.troubles.length).toBeLessThanOrEqual(2 * 5)
    },
  )

  test('is killed and forgets: what was lost is a gap, told to all', { timeout: 30_000 }, async () => {
    await open()
    await engine.kill()
    await pass(500)
    await engine.go()
    await house.goesOn()
    await house.verdict()
    expect(house.gaps.sort()).toEqual(['reader a', 'reader b'])
  })

  test('is killed again and again', { timeout: 60_000 }, async () => {
    await open(AOF)
    for (let i = 0; i < 4; i++) {
      await engine.kill()
      await engine.go()
      await house.goesOn()
    }
    // Killed before a server has asked again, an engine proves nothing to it: a gap may be told, but nothing is lost.
    await house.verdict()
  })

  test('closes connections at will', { timeout: 30_000 }, async () => {
    await open()
    for (let i = 0; i < 6; i++) {
      await engine.admin.call('CLIENT', 'KILL', 'TYPE', i % 2 ? 'pubsub' : 'normal', 'SKIPME', 'yes')
      await house.goesOn()
    }
    await house.verdict()
    expect(house.gaps).toEqual([])
  })

  test('sleeps for 5 s', { timeout: 30_000 }, async () => {
    await open(['--enable-debug-command', 'local'])
    await engine.admin.call('DEBUG', 'SLEEP', '5')
    await house.goesOn()
    await house.verdict()
    expect(house.outcomes.unknown).toBeGreaterThan(0)
    expect(house.gaps).toEqual([])
  })

  test('is flushed: everybody is told, and all goes on', { timeout: 30_000 }, async () => {
    await open()
    for (let i = 0; i < 3; i++) {
      await engine.admin.flushall()
      await house.goesOn()
    }
    await house.verdict()
    expect(new Set(house.gaps)).toEqual(new Set(['reader a', 'reader b']))
  })

  test('is flushed while nothing is published: all are told when positions are compared', {
    timeout: 30_000,
  }, async () => {
    const clock = new LeapingClock()
    await open([], clock)
    await until(() => house.history.deliveries > 20, 'some deliveries')
    await house.verdict()
    await engine.admin.flushall()
    await pass(200)
    expect(house.gaps).toEqual([])
    clock.leap(10_000)
    await until(() => house.gaps.length === 2, 'gaps')
  })
})
