import { FrameType } from '@tautline/core/wire'
import { afterEach, describe, expect, it } from 'vitest'
import { memory } from '../src/memory.ts'
import type { ServeOptions } from '../src/options.ts'
import { Serving } from './support/serving.ts'

let serving: Serving

async function start(options?: Partial<ServeOptions<unknown>>): Promise<Serving> {
  serving = await Serving.start(options)
  return serving
}

afterEach(async () => {
  expect(await serving.end()).toBe(0)
  expect(serving.server.stats().sessions).toEqual({ attached: 0, detached: 0, unauthenticated: 0 })
})

/** Closes the server and tells when that was done, in ms. */
function closing(options?: { withinMs: number }): { at: number | undefined } {
  const closed: { at: number | undefined } = { at: undefined }
  void serving.server.close(options).then(() => {
    closed.at = serving.clock.now()
  })
  return closed
}

describe('server.close()', () => {
  it('with nobody there is done at once', async () => {
    await start()
    expect(serving.server.ready).toBe(true)
    const closed = closing()
    expect(serving.server.ready).toBe(false)
    await serving.clock.settle()
    expect(closed.at).toBe(0)
  })

  it('gives each client a slot, waits until they have left, and takes nobody new', async () => {
    await start()
    const clients = []
    for (let n = 0; n < 4; n++) clients.push(await serving.join({ token: `c${n}` }))
    const mute = serving.dial()
    const closed = closing({ withinMs: 4 })
    await serving.clock.settle()
    expect(mute.closed?.code).toBe(4001)
    expect(clients.map(client => client.all(FrameType.DRAIN)[0]?.[1])).toEqual([
      { inMs: 0, graceMs: 3 },
      { inMs: 0, graceMs: 3 },
      { inMs: 1, graceMs: 2 },
      { inMs: 1, graceMs: 2 },
    ])
    const late = await serving.join()
    expect(late.closed).toEqual({ code: 4001, reason: 'retry-after=1000' })
    expect(closed.at).toBeUndefined()
    for (const client of clients) client.close(1000)
    await serving.clock.advance(200)
    expect(closed.at).toBeDefined()
  })

  it('lets running calls finish, and new ones too while their client has not left', async () => {
    await start()
    const client = await serving.join()
    client.call(1, 'wait', 'a')
    await serving.clock.settle()
    const closed = closing()
    await serving.clock.advance(5_000)
    client.call(2, 'echo', 'b')
    await serving.clock.settle()
    expect(client.outcome(2)).toEqual([FrameType.END, 2, 'b'])
    expect(closed.at).toBeUndefined()
    serving.waiting.get('a')?.('done')
    await serving.clock.settle()
    expect(client.outcome(1)).toEqual([FrameType.END, 1, 'done'])
    client.close(1000)
    await serving.clock.advance(200)
    expect(closed.at).toBeLessThan(5_300)
    expect(serving.stopped.size).toBe(0)
  })

  it('sends away who has nothing open and does not leave', async () => {
    await start()
    const client = await serving.join()
    const closed = closing()
    await serving.clock.advance(1_900)
    expect(client.closed).toBeUndefined()
    await serving.clock.advance(300)
    expect(client.closed?.code).toBe(4001)
    expect(closed.at).toBeDefined()
  })

  it('cuts off what takes longer than it may, and says so', async () => {
    await start()
    const client = await serving.join()
    client.call(1, 'wait', 'a', { timeoutMs: 600_000 })
    client.call(2, 'count', 0)
    await serving.clock.settle()
    const closed = closing({ withinMs: 5_000 })
    await serving.clock.advance(4_900)
    expect(client.closed).toBeUndefined()
    await serving.clock.advance(100)
    expect(client.outcome(1)?.[2]).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    expect(client.outcome(2)?.[2]).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    expect(client.closed?.code).toBe(4001)
    expect(serving.stopped.has('a')).toBe(true)
    expect(closed.at).toBeLessThanOrEqual(5_100)
  })

  it('waits for the work of clients that are away, and not for clients without any', async () => {
    await start()
    const [idle, busy] = [await serving.join(), await serving.join()]
    busy.call(1, 'wait', 'a')
    await serving.clock.settle()
    idle.cut()
    busy.cut()
    await serving.clock.settle()
    const closed = closing()
    await serving.clock.advance(3_000)
    expect(serving.server.stats().sessions.detached).toBe(1)
    serving.waiting.get('a')?.('done')
    await serving.clock.advance(200)
    expect(closed.at).toBeDefined()
    expect(serving.stopped.size).toBe(0)
  })

  it('called again is the same, and can only end sooner', async () => {
    await start()
    const client = await serving.join()
    client.call(1, 'wait', 'a')
    await serving.clock.settle()
    const first = serving.server.close({ withinMs: 10_000 })
    expect(serving.server.close({ withinMs: 20_000 })).toBe(first)
    await serving.clock.advance(1_000)
    expect(serving.server.close({ withinMs: 1_000 })).toBe(first)
    await serving.clock.advance(1_000)
    expect(client.closed?.code).toBe(4001)
    await first
  })

  it.each([-1, 1.5, Number.NaN, 2 ** 31])('refuses to take %s ms', async withinMs => {
    await start()
    expect(() => serving.server.close({ withinMs })).toThrow('withinMs must be an integer')
    expect(serving.server.ready).toBe(true)
  })

  it('closes the broker that it made, and not one that it was given', async () => {
    const broker = memory()
    let closed = false
    const close = broker.close.bind(broker)
    broker.close = () => {
      closed = true
      return close()
    }
    await start({ broker })
    await serving.end()
    expect(closed).toBe(false)
    await close()
  })
})
