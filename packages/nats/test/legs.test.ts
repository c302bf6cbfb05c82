import { randomFrom } from '@tautline/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Chaos } from '../../../test/support/chaos.ts'
import { cutOffSuite } from '../../../test/support/cut-off-suite.ts'
import { House, pass, until } from '../../../test/support/house.ts'
import { shaky } from '../../../test/support/shaky-broker.ts'
import { nats } from '../src/nats.ts'
import { NatsServer, tool } from './support/nats-server.ts'

tool.describe('one of two servers', () => {
  let engine: NatsServer
  let house: House
  let leg: Chaos

  /** Server a is well; server b reaches the engine by a proxy. */
  async function open(): Promise<void> {
    const a = await house.serve(nats(engine.client))
    const b = await house.serve(nats({ servers: `127.0.0.1:${leg.port}` }))
    await house.subscribe(a, 'reader a')
    await house.subscribe(b, 'reader b')
    house.publish(a, 'writer a', 5)
    house.publish(b, 'writer b', 5)
    await house.goesOn()
  }

  beforeEach(async () => {
    house = new House()
    engine = await NatsServer.start()
    leg = await Chaos.open(() => engine.port, 1)
  })

  afterEach(async () => {
    await house.end()
    await leg.close()
    await engine.end()
  })

  test('whose connection is cut catches up', { timeout: 30_000 }, async () => {
    await open()
    for (let i = 0; i < 5; i++) {
      leg.cut(i % 2 ? 'fin' : 'reset')
      await house.goesOn()
    }
    await house.verdict()
    expect(house.gaps).toEqual([])
  })

  test('that hears nothing any more dials again, and catches up', { timeout: 40_000 }, async () => {
    await open()
    leg.halfOpen('down')
    await pass(1_000)
    await house.stop()
    const behind = () => house.history.verdict().lost.length > 0
    expect(behind()).toBe(true)
    await until(() => !behind(), 'what was missed', 11_000)
    await house.verdict()
    expect(house.gaps).toEqual([])
  })

  test('that loses replies repeats nothing, and tells its publishers', { timeout: 30_000 }, async () => {
    await open()
    const [, b] = house.servers
    if (b) for (const name of ['c', 'd', 'e']) house.publish(b, `writer ${name}`, 0)
    // The reply that is lost may be a PONG's: on until one was a publisher's.
    for (let i = 0; i < 10 || (house.outcomes.unknown === 0 && i < 100); i++) {
      leg.dropReply()
      await house.goesOn()
    }
    await house.verdict()
    expect(house.outcomes.unknown).toBeGreaterThan(0)
    expect(house.gaps).toEqual([])
  })

  test('that is cut off says that it is not ready, and comes back', { timeout: 30_000 }, async () => {
    await open()
    const [, b] = house.servers
    leg.refuse = true
    leg.cut()
    await until(() => b?.ready === false, 'the news')
    await pass(1_000)
    leg.refuse = false
    await until(() => b?.ready === true, 'the end of it', 3_000)
    await house.goesOn()
    await house.verdict()
    expect(house.gaps).toEqual([])
  })

  test('whose feed repeats, reorders and loses: nobody sees any of it', { timeout: 40_000 }, async () => {
    const shakes = { twice: 0.1, late: 0.05, never: 0.02 }
    const server = await house.serve(shaky(nats(engine.client), randomFrom(7), shakes))
    await house.subscribe(server, 'reader')
    for (const name of ['a', 'b', 'c']) house.publish(server, `writer ${name}`, 3)
    await until(() => house.history.deliveries > 1_000, 'deliveries', 10_000)
    await house.verdict()
    expect(house.gaps).toEqual([])
  })

  test('moves to another NATS, which has nothing: it is told of the gap', { timeout: 30_000 }, async () => {
    const other = await NatsServer.start()
    try {
      const server = await house.serve(nats({ servers: `127.0.0.1:${leg.port}` }))
      await house.subscribe(server, 'reader')
      house.publish(server, 'writer', 5)
      await house.goesOn()
      leg.to(() => other.port)
      leg.cut()
      await house.goesOn()
      await until(() => house.history.deliveries > 10, 'deliveries')
      await house.verdict()
      expect(house.gaps).toEqual(['reader'])
    } finally {
      await house.end()
      await other.end()
    }
  })
})

tool.describe('a server that is cut off from its NATS', () => {
  cutOffSuite(async () => {
    const engine = await NatsServer.start()
    const leg = await Chaos.open(() => engine.port, 1)
    return {
      broker: () => nats(engine.client),
      distant: () => nats({ servers: `127.0.0.1:${leg.port}` }),
      cut() {
        leg.refuse = true
        leg.cut()
      },
      heal() {
        leg.refuse = false
      },
      end: async () => {
        await leg.close()
        await engine.end()
      },
    }
  }, 3_000)
})
