import type { Broker } from '@tautline/server'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Chaos } from './chaos.ts'
import { House, pass, until } from './house.ts'

/** An engine from which one server can be cut off. */
export interface PartedEngine {
  /** A broker that always reaches it. */
  readonly broker: () => Broker
  /** A broker that reaches it while nobody is cut off. To be asked for once. */
  readonly distant: () => Broker
  readonly cut: () => void
  readonly heal: () => void
  readonly end: () => Promise<unknown>
}

/** For so long everybody stays, in ms. */
const GRACE_MS = 500
const CLIENTS = 10

/** What becomes of the clients of a server that is cut off from its engine, whichever it is. */
export function cutOffSuite(start: () => Promise<PartedEngine>, liveMs: number): void {
  let engine: PartedEngine
  let house: House
  let balancer: Chaos

  beforeEach(async () => {
    engine = await start()
    house = new House()
  })

  afterEach(async () => {
    await house.end()
    await balancer.close()
    await engine.end()
  })

  /** A server that will be cut off, perhaps with another one beside it, and clients of a balancer that asks who is ready. */
  async function open(beside: boolean): Promise<void> {
    const servers = [await house.serve(engine.distant(), { brokerGraceMs: GRACE_MS })]
    if (beside) servers.push(await house.serve(engine.broker(), { brokerGraceMs: GRACE_MS }))
    const [distant] = servers
    const ready = () => servers.find(server => server.ready) ?? distant
    balancer = await Chaos.open(() => ready()?.port ?? 0, 1)
    for (let i = 0; i < CLIENTS; i++) await house.subscribe(balancer, `reader ${i}`)
    for (const [i, server] of servers.entries()) house.publish(server, `writer ${i}`, 5)
    await house.goesOn()
    expect(attached(0)).toBe(CLIENTS)
  }

  const attached = (i: number) => house.servers[i]?.stats().sessions.attached ?? 0

  test('sends its clients to the other one, where they miss nothing', { timeout: 30_000 }, async () => {
    await open(true)
    const [distant] = house.servers
    engine.cut()
    await until(() => distant?.ready === false, 'the news', 6_000)
    const cutAt = performance.now()
    await until(() => attached(1) === CLIENTS, 'all of them')
    expect(performance.now() - cutAt).toBeGreaterThan(GRACE_MS - 50)
    expect(attached(0)).toBe(0)
    await until(() => house.history.verdict().lost.length === 0, 'what they missed')
    await house.goesOn()
    engine.heal()
    await until(() => distant?.ready === true, 'the end of it', liveMs)
    await house.goesOn()
    await house.verdict()
    expect(house.gaps).toEqual([])
    expect(attached(1)).toBe(CLIENTS)
  })

  test('that is alone has them back, once, and they go on when it does', { timeout: 30_000 }, async () => {
    await open(false)
    const [distant] = house.servers
    const { dials } = balancer
    engine.cut()
    await until(() => distant?.ready === false, 'the news', 6_000)
    await until(() => balancer.dials >= dials + CLIENTS && attached(0) === CLIENTS, 'all of them')
    const back = balancer.dials
    await pass(3 * GRACE_MS)
    expect([balancer.dials, attached(0)]).toEqual([back, CLIENTS])
    engine.heal()
    await until(() => distant?.ready === true, 'the end of it', liveMs)
    await house.goesOn()
    await house.verdict()
    expect(house.gaps).toEqual([])
    expect(balancer.dials).toBe(back)
  })
}
