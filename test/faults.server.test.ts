import { setTimeout as pass } from 'node:timers/promises'
import { memory } from '@tautline/server'
import { describe, expect, it } from 'vitest'
import { NOTHING_WRONG, RealWorld, until } from './support/real-world.ts'
import { SEEDS } from './support/seeds.ts'

/** A second of silence, and the next sweep asks; the answer has three seconds. */
const ASKS_SOON = { heartbeatMs: 1_000, heartbeatAnswerMs: 3_000 }
/** By then it has asked, and does not yet judge. */
const ASKED_MS = 2_300

describe.concurrent.each(SEEDS)('a server process, seed %i,', seed => {
  it.each([true, false])('that is killed, with a memory that outlives it: %s', { timeout: 60_000 }, async outlives => {
    const world = new RealWorld(seed)
    const broker = outlives ? memory() : undefined
    let server = await world.spawn({ broker })
    const line = await world.line({
      get port() {
        return server.port
      },
    })
    const [ada, bob] = [world.player('ada', line), world.player('bob', line)]
    await Promise.all([ada.subscribe('log', 'a'), bob.subscribe('log', 'a'), ada.subscribe('live', 'a')])
    for (let round = 0; round < 2; round++) {
      for (const player of [ada, bob]) {
        for (let i = 0; i < 10; i++)
          player.call(i % 2 ? 'once' : 'again', 100 * world.random(), i === 1 ? `${round}` : undefined)
        player.publish('log', 'a', 50)
        player.publish('live', 'a', 50)
        player.down(500)
        player.up(500)
      }
      ada.call('once', 10_000)
      const { deliveries } = world.history
      await until(() => world.history.deliveries > deliveries + 100 * world.random(), 'some deliveries')
      await server.kill()
      server = await world.spawn({ broker, port: server.port })
      await until(() => ada.online && bob.online, 'a reconnect', 3_000)
    }
    await world.rest()
    expect(ada.failures, 'calls that died with the server').toBeGreaterThanOrEqual(2)
    expect(ada.gaps.get('log a') ?? 0, 'gaps').toBe(outlives ? 0 : 2)
    expect(await world.finish()).toEqual(NOTHING_WRONG)
    await broker?.close()
  })

  it('that is restarted in turn with another one, behind one address, for 20 rounds fails no call', {
    timeout: 120_000,
  }, async () => {
    const world = new RealWorld(seed)
    const broker = memory()
    const spawn = () => world.spawn({ broker })
    let serving = [await spawn(), await spawn()]
    let spare = spawn()
    let dials = 0
    const line = await world.line({
      get port() {
        return serving[dials++ % serving.length]?.port
      },
    })
    const players = ['ada', 'bob', 'cy'].map(name => world.player(name, line))
    await Promise.all(players.map(player => player.subscribe('log', 'a')))
    for (let round = 0; round < 20; round++) {
      const next = await spare
      for (const player of players) {
        player.call('once', 100 * world.random())
        player.call('once', 0, `${player.name} ${round}`)
        player.publish('log', 'a', 5)
        player.down(20, 5)
        player.up(50, 5)
      }
      const [leaving, staying] = serving
      serving = staying ? [staying, next] : [next]
      const began = performance.now()
      expect(await leaving?.drain()).toEqual([])
      expect(performance.now() - began, 'ms until all have left').toBeLessThan(15_000)
      if (round < 19) spare = spawn()
    }
    await world.rest()
    expect(players.map(({ failures }) => failures)).toEqual([0, 0, 0])
    expect(players.flatMap(({ gaps }) => [...gaps.keys()])).toEqual([])
    expect(await world.finish()).toEqual(NOTHING_WRONG)
    await broker.close()
  })

  it('that is stopped for 5 s cuts nobody off, not even whom it had just asked', { timeout: 60_000 }, async () => {
    const world = new RealWorld(seed)
    const server = await world.spawn({ limits: ASKS_SOON })
    const line = await world.line(server)
    const [ada, bob] = [world.player('ada', line), world.player('bob', line)]
    await Promise.all([ada.subscribe('log', 'a'), bob.subscribe('live', 'a')])
    line.hold('up')
    await pass(ASKED_MS)
    server.stop()
    line.release()
    ada.call('once')
    ada.publish('log', 'a', 10)
    bob.publish('live', 'a', 10)
    await pass(5_000)
    server.go()
    await world.rest()
    expect(line.dials).toBe(2)
    expect(ada.failures).toBe(0)
    expect(await world.finish()).toEqual(NOTHING_WRONG)
  })

  it('that is stopped for longer than anybody waits tells nobody anything twice when it goes on', {
    timeout: 60_000,
  }, async () => {
    const world = new RealWorld(seed)
    const broker = memory()
    const limits = { heartbeatMs: 1_000, heartbeatAnswerMs: 1_000, resumeMs: 3_000 }
    const [stale, other] = await Promise.all([world.spawn({ broker, limits }), world.spawn({ broker, limits })])
    let current = stale
    const line = await world.line({
      get port() {
        return current.port
      },
    })
    const [ada, bob] = [world.player('ada', line), world.player('bob', line)]
    await Promise.all([ada.subscribe('log', 'a'), bob.subscribe('log', 'a')])
    ada.publish('log', 'a', 20)
    ada.down(2_000, 1)
    bob.call('once', 500)
    await until(() => world.history.deliveries > 10, 'some deliveries')
    stale.stop()
    current = other
    for (const player of [ada, bob]) player.call('again')
    await until(() => ada.absences.length + bob.absences.length === 2, 'both at the other server', 12_000)
    ada.publish('log', 'a', 20)
    stale.go()
    bob.publish('log', 'a', 20)
    await world.rest()
    expect(ada.gaps.size + bob.gaps.size).toBe(0)
    expect(await world.finish()).toEqual(NOTHING_WRONG)
    await broker.close()
  })

  it('whose event loop is blocked for 4 s cuts nobody off, not even whom it had just asked', {
    timeout: 60_000,
  }, async () => {
    const world = new RealWorld(seed)
    const server = await world.spawn({ limits: ASKS_SOON })
    const [silent, line] = [await world.line(server), await world.line(server)]
    const [ada, bob] = [world.player('ada', line), world.player('bob', silent)]
    await Promise.all([ada.subscribe('log', 'a'), bob.subscribe('log', 'a')])
    silent.hold('up')
    await pass(ASKED_MS)
    const stalled = ada.api.stall({ ms: 4_000 })
    await pass(500)
    silent.release()
    bob.call('once', 10)
    bob.publish('log', 'a', 20)
    await stalled
    await world.rest()
    expect([line.dials, silent.dials]).toEqual([1, 1])
    expect(bob.failures).toBe(0)
    expect(await world.finish()).toEqual(NOTHING_WRONG)
  })
})
