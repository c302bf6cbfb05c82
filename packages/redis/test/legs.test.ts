import { cp, rm } from 'node:fs/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Clock, systemClock } from '@tautline/core/wire'
import { randomFrom } from '@tautline/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { cutOffSuite } from '../../../test/support/cut-off-suite.ts'
import { House, pass, until } from '../../../test/support/house.ts'
import { LeapingClock } from '../../../test/support/leaping-clock.ts'
import { shaky, type Whim, whimsical } from '../../../test/support/shaky-broker.ts'
import { redis } from '../src/redis.ts'
import { Legs } from './support/legs.ts'
import { RedisServer, tool } from './support/redis-server.ts'

/** By then a server has compared its positions with the engine's. */
const COMPARED_MS = 10_000

tool.describe('one of two servers', () => {
  let engine: RedisServer
  let house: House
  let legs: Legs

  /** Server a is well; server b reaches the engine by proxies. */
  async function open(config: readonly string[] = [], clock: Clock = systemClock): Promise<void> {
    engine = await RedisServer.start(config)
    legs = await Legs.to(engine)
    const a = await house.serve(redis(engine.client()), { clock })
    const b = await house.serve(redis(legs.client), { clock })
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

  test('whose pub/sub falls silent catches up when positions are compared', { timeout: 30_000 }, async () => {
    const clock = new LeapingClock()
    await open([], clock)
    legs.feeds.hold('down')
    await pass(1_000)
    await house.stop()
    const behind = () => house.history.verdict().lost.length > 0
    expect(behind()).toBe(true)
    clock.leap(COMPARED_MS)
    await until(() => !behind(), 'what was missed')
    legs.feeds.release()
    await house.verdict()
    expect(house.outcomes).toMatchObject({ rejected: 0, unknown: 0 })
    expect(house.gaps).toEqual([])
  })

  test('to which pub/sub brings nothing, and nothing else shows it, has it all within 10 s', {
    timeout: 30_000,
  }, async () => {
    await open()
    const delay = monitorEventLoopDelay()
    delay.enable()
    const { dials } = legs.feeds
    const behind = () => house.history.verdict().lost.length > 0
    const { acknowledged } = house.outcomes
    legs.deaf = true
    const lostAt = performance.now()
    await until(() => house.outcomes.acknowledged > acknowledged + 40, 'messages that are not heard of')
    await house.stop()
    expect(behind()).toBe(true)
    await until(() => !behind(), 'what was missed', 20_000)
    // What this process was kept from doing in time is not the broker's fault.
    expect(performance.now() - lostAt - delay.max / 1e6).toBeLessThan(10_000)
    expect(legs.feeds.dials).toBe(dials)
    await house.verdict()
    expect(house.outcomes).toMatchObject({ rejected: 0, unknown: 0 })
    expect(house.gaps).toEqual([])
  })

  test('to which pub/sub brings nothing for a moment has it with the next message', { timeout: 30_000 }, async () => {
    await open()
    for (let i = 0; i < 10; i++) {
      legs.deaf = true
      const { acknowledged } = house.outcomes
      await until(() => house.outcomes.acknowledged > acknowledged + i, 'messages that are not heard of')
      legs.deaf = false
      await house.goesOn()
    }
    await house.stop()
    await until(() => house.history.verdict().lost.length === 0, 'what was missed', 2_000)
    await house.verdict()
    expect(house.gaps).toEqual([])
  })

  test('that loses replies repeats nothing, and tells its publishers', { timeout: 30_000 }, async () => {
    await open()
    // The reply that is lost may be nobody's: on until one was a publisher's.
    for (let i = 0; i < 10 || (house.outcomes.unknown === 0 && i < 100); i++) {
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

  test('that a silence parts from the engine says that it is not ready, deceives nobody, and comes back', {
    timeout: 30_000,
  }, async () => {
    await open()
    const [a, b] = house.servers
    for (const leg of [legs.commands, legs.feeds]) leg.hold()
    await until(() => b?.ready === false, 'the news', 6_000)
    expect(a?.ready).toBe(true)
    const { rejected, unknown } = house.outcomes
    await until(() => house.outcomes.rejected > rejected + 10, 'refusals')
    expect(unknown).toBeGreaterThan(0)
    for (const leg of [legs.commands, legs.feeds]) leg.release()
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

  test('whose broker throws, rejects and never settles: publishers hear what is true, readers get it all', {
    timeout: 40_000,
  }, async () => {
    engine = await RedisServer.start()
    legs = await Legs.to(engine)
    const random = randomFrom(11)
    const met = new Map<Whim, number>()
    const whims: readonly Whim[] = ['throws', 'rejects', 'is silent']
    let wild = false
    const broker = whimsical(redis(engine.client()), () => {
      const whim = wild && random() < 0.05 ? whims[Math.floor(3 * random())] : undefined
      if (whim) met.set(whim, 1 + (met.get(whim) ?? 0))
      return whim
    })
    const server = await house.serve(broker)
    await house.subscribe(server, 'reader')
    for (let i = 0; i < 20; i++) house.publish(server, `writer ${i}`, 20)
    await house.goesOn()
    wild = true
    for (let i = 0; i < 20; i++) await house.subscribe(server, `reader ${i}`)
    await until(() => whims.every(whim => (met.get(whim) ?? 0) > 3), 'whims of every kind', 10_000)
    wild = false
    await house.goesOn(8_000)
    await house.verdict()
    expect(house.outcomes.unknown).toBeGreaterThan(0)
    expect(house.gaps).toEqual([])
  })

  test('that fails over to an empty replica: all are told of the gap', { timeout: 30_000 }, async () => {
    engine = await RedisServer.start()
    const replica = await RedisServer.start()
    legs = await Legs.to(engine)
    await house.open(async name => redis(name === 'a' ? legs.client : (await other()).client))
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

tool.describe('a server that is cut off from its Redis', () => {
  cutOffSuite(async () => {
    const engine = await RedisServer.start()
    const legs = await Legs.to(engine)
    const each = [legs.commands, legs.feeds]
    return {
      broker: () => redis(engine.client()),
      distant: () => redis(legs.client),
      cut() {
        for (const leg of each) leg.hold()
      },
      heal() {
        for (const leg of each) leg.release()
      },
      end: async () => {
        await legs.end()
        await engine.end()
      },
    }
  }, 2_000)
})
