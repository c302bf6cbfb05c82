import { cp, rm } from 'node:fs/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { House, pass, until } from '../../../test/support/house.ts'
import { nats } from '../src/nats.ts'
import { NatsServer, tool } from './support/nats-server.ts'

const BOTH = ['reader a', 'reader b']

tool.describe('two servers on a NATS that', () => {
  let engine: NatsServer
  let house: House

  /** Two servers, a subscriber and a publisher on each. */
  async function open(): Promise<void> {
    engine = await NatsServer.start()
    await house.open(() => nats(engine.client))
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
    'is killed for %i ms: nothing is lost, nobody is told of a gap, and it is live within 3 s of its return',
    { timeout: 30_000 },
    async ms => {
      await open()
      await engine.kill()
      await pass(ms)
      await engine.go()
      expect(await house.goesOn()).toBeLessThan(3_000)
      await house.verdict()
      expect(house.outcomes.rejected).toBeGreaterThan(0)
      expect(house.gaps).toEqual([])
    },
  )

  test('is killed again and again', { timeout: 60_000 }, async () => {
    await open()
    for (let i = 0; i < 4; i++) {
      await engine.kill()
      await engine.go()
      await house.goesOn()
    }
    await house.verdict()
    expect(house.gaps).toEqual([])
  })

  test('comes back without its store: what was lost is a gap, told to all', { timeout: 30_000 }, async () => {
    await open()
    await engine.kill()
    await rm(engine.dir, { recursive: true })
    await engine.go()
    await house.goesOn()
    await house.verdict()
    expect(house.gaps.sort()).toEqual(BOTH)
  })

  test('comes back with an older store: what was lost is a gap, told to all', { timeout: 30_000 }, async () => {
    await open()
    await engine.kill()
    const copy = `${engine.dir}-copy`
    await cp(engine.dir, copy, { recursive: true })
    await engine.go()
    await house.goesOn()
    await engine.kill()
    await rm(engine.dir, { recursive: true })
    await cp(copy, engine.dir, { recursive: true })
    await rm(copy, { recursive: true })
    await engine.go()
    await house.goesOn()
    await house.verdict()
    expect(house.gaps.sort()).toEqual(BOTH)
  })

  test('is stopped for 6 s: publishers are told that nobody knows', { timeout: 40_000 }, async () => {
    await open()
    engine.signal('SIGSTOP')
    await pass(6_000)
    engine.signal('SIGCONT')
    await house.goesOn()
    await house.verdict()
    expect(house.outcomes.unknown).toBeGreaterThan(0)
    expect(house.gaps).toEqual([])
  })

  test('has its stream purged: everybody is told, and all goes on', { timeout: 30_000 }, async () => {
    await open()
    const { streams } = await engine.admin()
    for (let i = 0; i < 3; i++) {
      await streams.streams.purge('tautline')
      await house.goesOn()
    }
    await house.verdict()
    expect(new Set(house.gaps)).toEqual(new Set(BOTH))
  })

  test('has its stream deleted: it is made again, everybody is told, and all goes on', {
    timeout: 30_000,
  }, async () => {
    await open()
    const { streams } = await engine.admin()
    for (let i = 0; i < 3; i++) {
      await streams.streams.delete('tautline')
      await house.goesOn()
    }
    await house.verdict()
    expect(new Set(house.gaps)).toEqual(new Set(BOTH))
  })

  test('has its stream deleted while nothing is published: all are told soon', { timeout: 30_000 }, async () => {
    await open()
    await until(() => house.history.deliveries > 20, 'some deliveries')
    await house.verdict()
    const { streams } = await engine.admin()
    await streams.streams.delete('tautline')
    await until(() => house.gaps.length === 2, 'gaps', 9_000)
  })
})
