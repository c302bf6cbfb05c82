import { connect } from '@tautline/client'
import { serve } from '@tautline/server'
import { net } from '@tautline/testing'
import { describe, expect, it } from 'vitest'
import { arena, arenaHandlers } from './support/arena.ts'
import { NOTHING_WRONG, RealWorld, until } from './support/real-world.ts'
import { SEEDS } from './support/seeds.ts'
import { SleepingClock } from './support/sleeper.ts'

const HOUR_MS = 3_600_000

describe.concurrent.each(SEEDS)('a client, seed %i,', seed => {
  it('whose process sleeps for longer than servers wait comes back once, with a fresh token', {
    timeout: 60_000,
  }, async () => {
    const world = new RealWorld(seed)
    const server = await world.serve({ limits: { heartbeatMs: 1_000, heartbeatAnswerMs: 1_000 } })
    const [sleepy, good] = [await world.line(server), await world.line(server)]
    const ada = await world.join('ada', sleepy)
    const bob = world.player('bob', good)
    await bob.subscribe('log', 'a')
    ada.call(500)
    await until(() => world.history.runs === 1, 'the call runs')
    ada.stop()
    bob.publish('log', 'a', 50)
    await until(() => server.stats().sessions.attached === 1, 'the server gives the socket up')
    bob.publish('log', 'a', 50)
    ada.go()
    await world.rest()
    expect(await ada.report()).toEqual({ tokens: 2, absences: 1, online: true })
    expect([sleepy.dials, good.dials]).toEqual([2, 1])
    expect(await world.finish()).toEqual(NOTHING_WRONG)
  })

  it('whose event loop is blocked for longer than servers are given to answer blames none', {
    timeout: 60_000,
  }, async () => {
    const world = new RealWorld(seed)
    const server = await world.serve({ limits: { heartbeatMs: 1_000, heartbeatAnswerMs: 15_000 } })
    const line = await world.line(server)
    const ada = await world.join('ada', line)
    const bob = world.player('bob', line)
    await bob.subscribe('log', 'a')
    ada.call(9_000)
    await until(() => world.history.runs === 1, 'the call runs')
    ada.stall(7_000 + 1_000 * world.random())
    bob.publish('log', 'a', 50)
    await world.rest()
    expect((await ada.report()).absences).toBe(0)
    expect(line.dials).toBe(2)
    expect(await world.finish()).toEqual(NOTHING_WRONG)
  })

  it('whose timers jump by eight hours comes back once, at once, with a fresh token', async () => {
    const { network, server, line, clock, heard, tokens, close } = await asleep(seed)
    clock.sleep()
    line.hold()
    await network.advance(8 * HOUR_MS)
    for (let n = 0; n < 5; n++) await server.publish(arena.log, { room: 'a' }, { producer: 'p', seq: n })
    line.release()
    clock.wake()
    await network.advance(5_000)
    expect(heard).toEqual([0, 1, 2, 3, 4])
    expect([line.dials, tokens()]).toEqual([2, 2])
    await close()
  })

  it('whose timers are held back to one a minute stays where it is, and hears everything at once', async () => {
    const { network, server, line, clock, heard, close } = await asleep(seed)
    clock.throttled = true
    for (let minute = 0; minute < 30; minute++) {
      await network.advance(60_000)
      await server.publish(arena.log, { room: 'a' }, { producer: 'p', seq: minute })
      await network.advance(100)
      expect(heard.at(-1)).toBe(minute)
    }
    expect([line.dials, heard.length]).toEqual([1, 30])
    await close()
  })
})

/** A client in virtual time whose own clock may sleep. */
async function asleep(seed: number) {
  const network = net({ seed, latencyMs: 10, jitterMs: 20 })
  const clock = new SleepingClock(network.clock)
  const server = await serve(
    arena,
    { clock: network.clock, authenticate: () => ({ context: undefined }) },
    arenaHandlers(() => undefined),
  )
  const line = network.line(server)
  const heard: number[] = []
  let tokens = 0
  const { api, connection } = connect(arena, { ...line.client, clock, token: () => String(++tokens) })
  const subscription = api.log({ room: 'a' }).subscribe(({ seq }) => heard.push(seq))
  await network.until(subscription.ready)
  const close = async () => {
    connection.close()
    await network.until(server.close({ withinMs: 0 }))
    await network.advance(120_000)
    expect(network.clock.pending).toBe(0)
  }
  return { network, server, line, clock, heard, tokens: () => tokens, close }
}
