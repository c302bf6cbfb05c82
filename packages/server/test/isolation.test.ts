import { Deadlines, FrameType } from '@tautline/core/wire'
import { afterEach, describe, expect, it } from 'vitest'
import { VirtualClock } from '../../testing/src/clock.ts'
import { Isolation } from '../src/isolation.ts'
import type { ServeOptions } from '../src/options.ts'
import type { Sessions } from '../src/sessions.ts'
import { FaultyBroker } from './support/faulty-broker.ts'
import type { HandClient } from './support/hand-client.ts'
import { open } from './support/house.ts'
import { dial } from './support/opening.ts'
import { Serving } from './support/serving.ts'

const AWAY = { code: 4006, reason: 'the server is cut off from its broker' }

let serving: Serving
let broker: FaultyBroker

async function start(options: Partial<ServeOptions<unknown>> = {}): Promise<void> {
  broker = new FaultyBroker(new VirtualClock())
  serving = await Serving.start({ broker, ...options })
}

const gone = (clients: readonly HandClient[]) => clients.filter(({ closed }) => closed).length

describe('a server that is cut off from its broker', () => {
  afterEach(async () => {
    expect(await serving.end()).toBe(0)
    expect(serving.server.stats().sessions).toEqual({ attached: 0, detached: 0, unauthenticated: 0 })
    await broker.inner.close()
  })

  it('is not ready at once, and keeps its clients for 10 s: an engine that restarts is back by then', async () => {
    await start()
    const client = await serving.join()
    for (let i = 0; i < 3; i++) {
      broker.become('down')
      expect(serving.server.ready).toBe(false)
      await serving.clock.advance(9_900)
      broker.become('up')
      expect(serving.server.ready).toBe(true)
      client.send([FrameType.PING])
    }
    await serving.clock.advance(20_000)
    expect(client.closed).toBeUndefined()
  })

  it('sends everybody elsewhere after 10 s, each at a time of its own', async () => {
    await start()
    const clients: HandClient[] = []
    for (let i = 0; i < 500; i++) clients.push(await serving.join({ token: `c${i}` }))
    broker.become('down')
    await serving.clock.advance(9_900)
    expect(gone(clients)).toBe(0)
    await serving.clock.advance(200)
    expect(gone(clients)).toBeGreaterThan(0)
    expect(gone(clients)).toBeLessThanOrEqual(201)
    for (let i = 0; i < 8 && gone(clients) < 500; i++) {
      const before = gone(clients)
      await serving.clock.advance(100)
      expect(gone(clients) - before).toBeLessThanOrEqual(201)
    }
    expect(clients.map(({ closed }) => closed)).toEqual(clients.map(() => AWAY))
  })

  it('sends nobody away twice: who comes back to it goes on where it was, and stays', async () => {
    await start()
    const client = await serving.join()
    client.call(1, 'echo', 'a')
    await serving.clock.settle()
    broker.become('down')
    await serving.clock.advance(10_100)
    expect(client.closed).toEqual(AWAY)
    const back = await serving.back(client, 2)
    expect(back.welcome).toMatchObject({ resumed: true })
    const newcomer = await serving.join({ token: 'bob' })
    await serving.clock.advance(20_000)
    for (const stays of [back, newcomer]) {
      stays.send([FrameType.PING])
      expect(stays.closed).toBeUndefined()
    }
  })

  it('sends who is still there away again when the broker leaves again', async () => {
    await start()
    const client = await serving.join()
    broker.become('down')
    await serving.clock.advance(10_100)
    const back = await serving.back(client, 2)
    broker.become('up')
    broker.become('down')
    await serving.clock.advance(9_900)
    expect(back.closed).toBeUndefined()
    await serving.clock.advance(200)
    expect(back.closed).toEqual(AWAY)
  })

  it('lets calls end first, and waits 10 s for them', async () => {
    await start()
    const [quick, slow] = [await serving.join({ token: 'quick' }), await serving.join({ token: 'slow' })]
    quick.call(1, 'wait', 'quick')
    slow.call(1, 'wait', 'slow')
    await serving.clock.settle()
    broker.become('down')
    await serving.clock.advance(15_000)
    expect(quick.closed).toBeUndefined()
    serving.waiting.get('quick')?.('done')
    await serving.clock.advance(100)
    expect(quick.outcome(1)).toEqual([FrameType.END, 1, 'done'])
    expect(quick.closed).toEqual(AWAY)
    await serving.clock.advance(4_800)
    expect(slow.closed).toBeUndefined()
    await serving.clock.advance(300)
    expect(slow.closed).toEqual(AWAY)
    const back = await serving.back(slow, 2, 'slow')
    serving.waiting.get('slow')?.('done')
    await serving.clock.settle()
    expect(back.outcome(1)).toEqual([FrameType.END, 1, 'done'])
  })

  it('lets those stay whose turn has not come when the broker is back', async () => {
    await start()
    const clients: HandClient[] = []
    for (let i = 0; i < 500; i++) clients.push(await serving.join({ token: `c${i}` }))
    broker.become('down')
    await serving.clock.advance(10_200)
    const left = gone(clients)
    expect(left).toBeLessThan(400)
    broker.become('up')
    await serving.clock.advance(20_000)
    expect(gone(clients)).toBe(left)
  })

  it('waits for as long as it is told to', async () => {
    await start({ brokerGraceMs: 1_000 })
    const client = await serving.join()
    broker.become('down')
    await serving.clock.advance(900)
    expect(client.closed).toBeUndefined()
    await serving.clock.advance(200)
    expect(client.closed).toEqual(AWAY)
  })

  it('waits for ever when it is told to', async () => {
    await start({ brokerGraceMs: false })
    const client = await serving.join()
    broker.become('down')
    for (let i = 0; i < 60; i++) {
      client.send([FrameType.PING])
      await serving.clock.advance(10_000)
    }
    expect(serving.server.ready).toBe(false)
    expect(client.closed).toBeUndefined()
  })

  it('drains as always', async () => {
    await start({ brokerGraceMs: 1_000 })
    const client = await serving.join()
    client.call(1, 'wait', 'a')
    broker.become('down')
    await serving.clock.advance(500)
    const closed = serving.server.close({ withinMs: 5_000 })
    await serving.clock.advance(4_000)
    expect(client.closed).toBeUndefined()
    await serving.clock.advance(2_000)
    await closed
    expect(client.closed?.code).toBe(4001)
  })

  it('cuts nobody off who came before a broker that was away from the beginning', async () => {
    broker = new FaultyBroker(new VirtualClock())
    broker.become('down')
    serving = await Serving.start({ broker })
    const client = await serving.join()
    await serving.clock.advance(9_000)
    broker.become('up')
    await serving.clock.advance(20_000)
    expect(client.closed).toBeUndefined()
  })
})

describe('the door of a server that is cut off from its broker', () => {
  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } })

  it('turns each client away once, with 503, and lets it in when it comes again', async () => {
    const broker = new FaultyBroker(new VirtualClock())
    const { server } = await open({ port: 0, broker, brokerGraceMs: 0, trustProxy: true })
    const url = server.url ?? ''
    const tell = async (address: string) => {
      const dialled = await dial(url, from(address))
      if ('status' in dialled) return dialled.status
      dialled.ws.close()
      return 'in'
    }
    try {
      expect(await tell('192.0.2.1')).toBe('in')
      broker.become('down')
      await expect.poll(() => tell('192.0.2.1')).toBe(503)
      expect(await dial(url, from('192.0.2.2'))).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
      for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.2']) expect(await tell(address)).toBe('in')
      // Of IPv6, a /64 is one client.
      expect(await tell('2001:db8::1')).toBe(503)
      expect(await tell('2001:db8::2')).toBe('in')
      broker.become('up')
      expect(await tell('192.0.2.3')).toBe('in')
    } finally {
      await server.close({ withinMs: 0 })
      await broker.inner.close()
    }
  })

  it('turns at most 10,000 addresses away', async () => {
    const broker = new FaultyBroker(new VirtualClock())
    const serving = await Serving.start()
    const clock = serving.clock
    const deadlines = new Deadlines(clock, 50)
    broker.become('down')
    const nobody = new Set() as unknown as Sessions
    const isolation = new Isolation({ broker, sessions: nobody, clock, deadlines, graceMs: 1_000 })
    const asked = (n: number) => isolation.admits(`10.0.${n >> 8}.${n & 255}`)
    expect(asked(0)).toBe(true)
    await clock.advance(1_000)
    for (let n = 0; n < 10_000; n++) expect(asked(n)).toBe(false)
    expect([asked(10_000), asked(9_999), isolation.admits(undefined)]).toEqual([true, true, true])
    isolation.close()
    expect(await serving.end()).toBe(0)
    await broker.inner.close()
  })

  it('turns as many away from an address as were sent away there, so that all of an office go elsewhere', async () => {
    const broker = new FaultyBroker(new VirtualClock())
    const { server } = await open({ port: 0, broker, brokerGraceMs: 0, trustProxy: true })
    const url = server.url ?? ''
    try {
      const closed: Promise<unknown>[] = []
      for (let i = 0; i < 5; i++) {
        const dialled = await dial(url, from('192.0.2.1'))
        if ('status' in dialled) throw new Error('turned away')
        dialled.client.hello({ token: `c${i}` })
        await dialled.client.until(({ welcome }) => welcome)
        closed.push(dialled.client.until(client => client.closed))
      }
      broker.become('down')
      expect(await Promise.all(closed)).toEqual(Array(5).fill(AWAY))
      const answers: unknown[] = []
      for (let i = 0; i < 6; i++) {
        const dialled = await dial(url, from('192.0.2.1'))
        answers.push('status' in dialled ? dialled.status : 'in')
        if ('ws' in dialled) dialled.ws.close()
      }
      expect(answers).toEqual([503, 503, 503, 503, 503, 'in'])
    } finally {
      await server.close({ withinMs: 0 })
      await broker.inner.close()
    }
  })
})

describe('the option brokerGraceMs', () => {
  it.each([-1, 1.5, 2 ** 31, Number.NaN, Number.POSITIVE_INFINITY, '1', true, null])('cannot be %s', async value => {
    const options = { brokerGraceMs: value } as unknown as Partial<ServeOptions<unknown>>
    await expect(open(options)).rejects.toThrow('brokerGraceMs must be an integer from 0 to 2147483647, or false')
  })
})
