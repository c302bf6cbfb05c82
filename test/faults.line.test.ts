import { safe } from '@tautline/client'
import { describe, expect, it } from 'vitest'
import { NOTHING_WRONG, RealWorld, until } from './support/real-world.ts'
import { SEEDS } from './support/seeds.ts'

describe.concurrent.each(SEEDS)('a line, seed %i,', seed => {
  it.each(['reset', 'fin'] as const)(
    'that is cut with %s again and again changes nothing',
    { timeout: 60_000 },
    async how => {
      const world = new RealWorld(seed)
      const server = await world.serve()
      const bad = await world.line(server, { latencyMs: 1, jitterMs: 3 })
      const good = await world.line(server)
      const [ada, bob] = [world.player('ada', bad), world.player('bob', good)]
      await Promise.all([ada.subscribe('log', 'a'), ada.subscribe('newest', 'a'), bob.subscribe('log', 'a')])
      for (let round = 0; round < 10; round++) {
        for (const player of [ada, bob]) {
          player.call('once', 30 * world.random())
          player.call('again', 30 * world.random())
          player.publish('log', 'a', 10)
          player.publish('newest', 'a', 10)
          player.down(60, 1)
          player.up(200, 1)
        }
        // Brings again what others on the same socket have.
        if (round % 3 === 0) await ada.subscribe('log', 'a', 20)
        const { length } = ada.absences
        const way = world.random() < 0.5 ? 'up' : 'down'
        if (round % 2 > 0) bad.cutNextAfter(way, Math.floor(world.random() * 1_500))
        if (how === 'reset') bad.cutAfter(way, Math.floor(world.random() * 6_000))
        else bad.cut('fin')
        await until(() => ada.absences.length > length || world.idle, 'a reconnect, or the end')
      }
      await world.rest()
      expect(ada.failures + bob.failures).toBe(0)
      expect(ada.absences.length).toBeGreaterThan(4)
      expect(Math.max(...ada.absences)).toBeLessThan(3_000 + world.stalledMs)
      expect(good.dials).toBe(1)
      expect(await world.finish()).toEqual(NOTHING_WRONG)
    },
  )

  it.each(['up', 'down', 'both'] as const)(
    'that falls silent (%s) is noticed in time, and nothing is lost',
    { timeout: 60_000 },
    async way => {
      const world = new RealWorld(seed)
      const server = await world.serve({ limits: { heartbeatMs: 2_000, heartbeatAnswerMs: 5_000 } })
      const [bad, good] = [await world.line(server), await world.line(server)]
      const [ada, bob] = [world.player('ada', bad), world.player('bob', good)]
      await Promise.all([ada.subscribe('log', 'a'), bob.subscribe('log', 'a')])
      bad.halfOpen(way)
      const silentAt = performance.now()
      ada.call('once')
      ada.publish('log', 'a', 5)
      bob.publish('log', 'a', 5)
      await until(() => ada.absences.length === 1, 'another socket', 20_000)
      // 2 s of silence, 5 s for an answer, two sweeps, the way back; and a busy machine’s own stalls are forgiven.
      expect(performance.now() - silentAt).toBeLessThan(15_000 + world.stalledMs)
      await world.rest()
      expect([ada.failures, bad.dials, good.dials]).toEqual([0, 2, 1])
      expect(await world.finish()).toEqual(NOTHING_WRONG)
    },
  )

  it('that loses a reply brings it when the session goes on, from the one run there was', {
    timeout: 60_000,
  }, async () => {
    const world = new RealWorld(seed)
    const server = await world.serve()
    const line = await world.line(server)
    const ada = world.player('ada', line)
    await ada.subscribe('log', 'a')
    for (let round = 0; round < 5; round++) {
      const runs = world.history.runs
      ada.call('once', 50)
      await until(() => world.history.runs > runs, 'a run')
      line.dropReply()
      await until(() => world.idle, 'an answer')
      expect(ada.absences).toHaveLength(round + 1)
    }
    expect(ada.failures).toBe(0)
    expect(await world.finish()).toEqual(NOTHING_WRONG)
  })

  it('that loses a reply, and a session, says so, or finds the outcome by its key', { timeout: 60_000 }, async () => {
    const world = new RealWorld(seed)
    const server = await world.serve({ limits: { resumeMs: 200 } })
    const line = await world.line(server)
    const ada = world.player('ada', line)
    await ada.subscribe('log', 'a')
    const call = (name: string, idempotencyKey?: string) => {
      world.record({ kind: 'called', call: name, idempotent: false })
      return ada.api.once({ call: name, ms: 500 }, { idempotencyKey })
    }
    const told = safe(call('without a key'))
    const kept = call('with a key', 'key')
    await until(() => world.history.runs === 2, 'both run')
    line.dropReply()
    await until(() => !ada.online, 'the reply is lost')
    line.refuse = true
    await until(() => server.stats().sessions.detached + server.stats().sessions.attached === 0, 'no session')
    line.refuse = false
    expect((await told).error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    expect(await kept).toBe('with a key')
    for (const name of ['without a key', 'with a key']) world.record({ kind: 'settled', call: name, ok: true })
    expect(await world.finish()).toEqual(NOTHING_WRONG)
  })

  it('that is gone for a while, shorter or longer than sessions wait, loses nothing that is remembered', {
    timeout: 60_000,
  }, async () => {
    const world = new RealWorld(seed)
    const limits = { heartbeatMs: 500, heartbeatAnswerMs: 500 }
    const patient = await world.serve({ limits })
    const hasty = await world.serve({ limits: { ...limits, resumeMs: 500 } })
    await Promise.all(
      [patient, hasty].map(async server => {
        const [bad, good] = [await world.line(server), await world.line(server)]
        const room = server === patient ? 'patient' : 'hasty'
        const [ada, bob] = [world.player(`ada, ${room}`, bad), world.player(`bob, ${room}`, good)]
        for (const topic of ['log', 'short', 'live', 'newest'] as const) await ada.subscribe(topic, room)
        await bob.subscribe('log', room)
        bad.hold()
        ada.call('again')
        await until(() => server.stats().sessions.attached === 1, 'the server gives the socket up')
        bob.publish('short', room, 600)
        for (const topic of ['log', 'live', 'newest'] as const) bob.publish(topic, room, 100)
        await until(() => bob.acknowledged.get(`${bob.name} in newest ${room}`) === 99, 'all is published')
        if (server === hasty) await until(() => server.stats().sessions.detached === 0, 'and the session')
        bad.release()
        const backAt = performance.now()
        await until(() => ada.online && ada.deliveries > 140, 'all that is remembered')
        expect(performance.now() - backAt, 'ms until it has caught up').toBeLessThan(3_000)
        await until(() => ada.gaps.has(`short ${room}`), 'the gap')
        expect([...ada.gaps.keys()].sort()).toEqual([`live ${room}`, `short ${room}`])
        expect([ada.failures, good.dials]).toEqual([0, 1])
      }),
    )
    expect(await world.finish()).toEqual(NOTHING_WRONG)
  })

  it.each([1, 40, 3_000])('that carries pieces of up to %i bytes changes nothing', { timeout: 60_000 }, async slice => {
    const world = new RealWorld(seed)
    const server = await world.serve()
    const line = await world.line(server, { slice })
    const [ada, bob] = [world.player('ada', line), world.player('bob', line)]
    await Promise.all([ada.subscribe('log', 'a'), bob.subscribe('live', 'a')])
    for (const player of [ada, bob]) {
      for (let i = 0; i < 10; i++) player.call('once', 10 * world.random())
      player.publish('log', 'a', 20)
      player.publish('live', 'a', 20)
      player.down(slice === 1 ? 30 : 300)
      player.up(slice === 1 ? 100 : 1_000)
    }
    await world.rest()
    expect([ada.failures, bob.failures, line.dials]).toEqual([0, 0, 2])
    expect(await world.finish()).toEqual(NOTHING_WRONG)
  })
})

/** Not beside the others: it is about how long things take. */
describe.each(SEEDS)('a line, seed %i,', seed => {
  it('that is thin, and one on which nobody reads, cost the server little and the others nothing', {
    timeout: 60_000,
  }, async () => {
    const world = new RealWorld(seed)
    const server = await world.serve({ limits: { stalledMs: 2_000, heartbeatMs: 60_000 } })
    const lines = [await world.line(server), await world.line(server), await world.line(server)] as const
    const [thin, stuck, good] = lines
    const players = ['thin', 'stuck', 'good'].map((name, i) => world.player(name, lines[i] ?? good))
    const [, , bob] = players
    await Promise.all(players.map(player => player.subscribe('log', 'a')))
    const padding = new Uint8Array(16_384)
    let unsent = 0
    const work = async () => {
      bob?.publish('log', 'a', 10, padding)
      for (let call = 0; call < 3; call++) bob?.call('again')
      await until(() => world.idle, 'the messages and calls of others')
      unsent = Math.max(unsent, server.stats().queues.unsentBytes)
    }
    for (let round = 0; round < 20; round++) await work()
    const baseline = percentile99(bob?.latencies.splice(0) ?? [])
    thin.down.bytesPerSecond = 20_000
    stuck.hold('down')
    for (let round = 0; round < 60; round++) await work()
    await until(() => server.stats().sessions.attached < 3, 'the stuck one is sent away', 15_000)
    // Two readers above high water, each by a page at most.
    expect(unsent).toBeLessThan(2 * (1_048_576 + 262_144))
    expect(percentile99(bob?.latencies ?? []), 'ms of others').toBeLessThan(Math.max(2 * baseline, 1_000))
    thin.down.bytesPerSecond = Number.POSITIVE_INFINITY
    stuck.release()
    await world.rest()
    expect(players.map(({ failures, gaps }) => [failures, gaps.size])).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ])
    expect(good.dials).toBe(1)
    expect(await world.finish()).toEqual(NOTHING_WRONG)
  })
})

function percentile99(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? 0
}
