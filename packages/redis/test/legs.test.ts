import { cp, rm } from 'node:fs/promises'
import { randomFrom } from '@tautline/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { redis } from '../src/redis.ts'
import { House, pass, until } from './support/house.ts'
import { Legs } from './support/legs.ts'
import { RedisServer, tool } from './support/redis-server.ts'
import { shaky } from './support/shaky-broker.ts'

tool.describe('one of two servers', () => {
  let engine: RedisServer
  let house: House
  let legs: Legs

  /** Server a is well; server b reaches the engine by proxies. */
  async function open(config: readonly string[] = []): Promise<void> {
    engine = await RedisServer.start(config)
    legs = await Legs.to(engine)
    const a = await house.serve(redis(engine.client()))
    const b = await house.serve(redis(legs.client))
    await house.subscribe(a, 'reader a')
    await house.subscribe(b, 'reader b')
    house.publish(a, 'writer a', 5)
    house.publish(b, 'writer b', 5)
    await house.goesOn()
  }

  beforeEach(() => {
    house = new House()
  })

  afterEach(async () => {
    await house.end()
    await legs.end()
    await engine.end()
  })

  test('whose pub/sub is cut catches up', { timeout: 30_000 }, async () => {
    await open()
    for (let i = 0; i < 5; i++) {
      legs.feeds.cut(i % 2 ? 'fin' : 'reset')
      await house.goesOn()
    }
    await house.verdict()
    expect(house.outcomes).toMatchObject({ rejected: 0, unknown: 0 })
    expect(house.gaps).toEqual([])
  })

  test('whose pub/sub falls silent catches up within 10 s', { timeout: 40_000 }, async () => {
    await open()
    legs.feeds.hold('down')
    await pass(1_000)
    await house.stop()
    const behind = () => house.history.verdict().lost.length > 0
    expect(behind()).toBe(true)
    await until(() => !behind(), 'what was missed', 11_000)
    legs.feeds.release()
    await house.verdict()
    expect(house.outcomes).toMatchObject({ rejected: 0, unknown: 0 })
    expect(house.gaps).toEqual([])
  })

  test('that loses replies repeats nothing, and tells its publishers', { timeout: 30_000 }, async () => {
    await open()
    for (let i = 0; i < 10; i++) {
      legs.commands.dropReply()
      await house.goesOn()
    }
    await house.verdict()
    expect(house.outcomes.unknown).toBeGreaterThan(0)
    expect(house.gaps).toEqual([])
  })

  test('that is cut off altogether says that it is not ready, and comes back', { timeout: 30_000 }, async () => {
    await open()
    const [, b] = house.servers
    for (const leg of [legs.commands, legs.feeds]) leg.refuse = true
    for (const leg of [legs.commands, legs.feeds]) leg.cut()
    await until(() => b?.ready === false, 'the news')
    await pass(1_000)
    for (const leg of [legs.commands, legs.feeds]) leg.refuse = false
    await until(() => b?.ready === true, 'the end of it', 2_000)
    await house.goesOn()
    await house.verdict()
    expect(house.gaps).toEqual([])
  })

  test('whose feed repeats, reorders and loses: nobody sees any of it', { timeout: 40_000 }, async () => {
    engine = await RedisServer.start()
    legs = await Legs.to(engine)
    const random = randomFrom(7)
    const server = await house.serve(shaky(redis(engine.client()), random, { twice: 0.1, late: 0.05, never: 0.02 }))
    await house.subscribe(server, 'reader')
    for (const name of ['a', 'b', 'c']) house.publish(server, `writer ${name}`, 3)
    await until(() => house.history.deliveries > 1_000, 'deliveries', 10_000)
    await house.verdict()
    expect(house.gaps).toEqual([])
  })

  test('that fails over to an empty replica: all are told of the gap', { timeout: 30_000 }, async () => {
    engine = await RedisServer.start()
    const replica = await RedisServer.start()
    legs = await Legs.to(engine)
    for (const name of ['a', 'b']) {
      const server = await house.serve(redis(name === 'a' ? legs.client : (await other()).client))
      await house.subscribe(server, `reader ${name}`)
      house.publish(server, `writer ${name}`, 5)
    }
    await house.goesOn()
    for (const { commands, feeds } of [legs, ...others]) {
      for (const leg of [commands, feeds]) leg.to(() => replica.port)
    }
    await engine.kill()
    for (const { commands, feeds } of [legs, ...others]) {
      commands.cut()
      feeds.cut()
    }
    await house.goesOn()
    await house.verdict()
    expect(house.gaps.sort()).toEqual(['reader a', 'reader b'])
    await house.end()
    await Promise.all(others.splice(0).map(each => each.end()))
    await replica.end()
  })

  test('that had seen more than a restored memory has: a new epoch, even where an append-only file is kept', {
    timeout: 30_000,
  }, async () => {
    await open(['--appendonly', 'yes', '--appendfsync', 'always'])
    const copy = `${engine.dir}-copy`
    await cp(engine.dir, copy, { recursive: true })
    await house.goesOn()
    await engine.kill()
    await rm(engine.dir, { recursive: true })
    await cp(copy, engine.dir, { recursive: true })
    await engine.go()
    await house.goesOn()
    await house.verdict()
    expect(house.gaps.sort()).toEqual(['reader a', 'reader b'])
    await rm(copy, { recursive: true })
  })

  const others: Legs[] = []
  async function other(): Promise<Legs> {
    const each = await Legs.to(engine)
    others.push(each)
    return each
  }
})
