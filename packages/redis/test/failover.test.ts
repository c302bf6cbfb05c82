import { Redis } from 'ioredis'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Chaos } from '../../../test/support/chaos.ts'
import { House } from '../../../test/support/house.ts'
import { redis } from '../src/redis.ts'
import { RedisServer, tool } from './support/redis-server.ts'

const AOF = ['--appendonly', 'yes', '--appendfsync', 'always']

tool.describe('two servers whose Redis has a replica', () => {
  let master: RedisServer
  let replica: RedisServer
  let house: House
  /** The address of whichever is the master. */
  let front: Chaos

  async function open(config: readonly string[]): Promise<void> {
    master = await RedisServer.start(config)
    replica = await RedisServer.start(config)
    await replica.follow(master)
    front = await Chaos.open(() => master.port, 1)
    await house.open(() => redis(new Redis({ port: front.port, host: '127.0.0.1', lazyConnect: true })))
    await house.goesOn()
  }

  /** The engine's own failover: what was written is there before the two change places. */
  async function changePlaces(): Promise<void> {
    await master.admin.call('FAILOVER', 'TO', '127.0.0.1', replica.port)
    await replica.takes('by hand')
    front.to(() => replica.port)
  }

  async function promote(): Promise<void> {
    await replica.admin.replicaof('NO', 'ONE')
    await replica.takes('by hand')
    front.to(() => replica.port)
    front.cut()
  }

  beforeEach(() => {
    house = new House()
  })

  afterEach(async () => {
    await house.end()
    await front.close()
    await Promise.all([master.end(), replica.end()])
  })

  test('that takes over with all that there was: nothing is lost, and nobody is told of a gap', {
    timeout: 30_000,
  }, async () => {
    await open(AOF)
    await changePlaces()
    expect(await house.goesOn()).toBeLessThan(2_000)
    // Whoever still listened to the one before, which tells what its master tells.
    await master.kill()
    expect(await house.goesOn()).toBeLessThan(2_000)
    await house.verdict()
    expect(house.gaps).toEqual([])
  })

  test('that takes over, and no append-only file: all are told of a gap', { timeout: 30_000 }, async () => {
    await open([])
    await changePlaces()
    await house.goesOn()
    await house.verdict()
    expect(house.gaps.sort()).toEqual(['reader a', 'reader b'])
  })

  test('that has lost everything and takes over: all are told of a gap', { timeout: 30_000 }, async () => {
    await open(AOF)
    await master.kill()
    await replica.admin.replicaof('NO', 'ONE')
    await replica.admin.flushall()
    await promote()
    expect(await house.goesOn()).toBeLessThan(2_000)
    await house.verdict()
    expect(house.gaps.sort()).toEqual(['reader a', 'reader b'])
  })

  test('that takes over without the last that there was: all are told of a gap', { timeout: 30_000 }, async () => {
    await open(AOF)
    // It is behind from here on.
    await replica.admin.replicaof('NO', 'ONE')
    await house.goesOn()
    await master.kill()
    await promote()
    expect(await house.goesOn()).toBeLessThan(2_000)
    await house.verdict()
    expect(house.gaps.sort()).toEqual(['reader a', 'reader b'])
  })
})
