import { contract, TautlineError, topic } from '@tautline/core'
import { Deadlines } from '@tautline/core/wire'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { VirtualClock } from '../../testing/src/clock.ts'
import { Callers } from '../src/caller.ts'
import { Dispatcher } from '../src/dispatch.ts'
import { Failures } from '../src/failures.ts'
import { anyone, routesOf } from '../src/handlers.ts'
import { Hub } from '../src/hub.ts'
import { limitsOf } from '../src/limits.ts'
import { Inbox } from '../src/local/inbox.ts'
import { memory } from '../src/memory.ts'
import { Outcomes } from '../src/outcomes.ts'

const api = contract({
  log: topic({ params: z.string(), message: z.number(), presence: z.object({}), retain: { count: 5_000 } }),
  live: topic({ params: z.string(), message: z.number() }),
})

let clock: VirtualClock
let deadlines: Deadlines
let hub: Hub
let callers: Callers
let publish: (topic: 'log' | 'live', message: number) => Promise<unknown>

beforeEach(() => {
  clock = new VirtualClock()
  deadlines = new Deadlines(clock, 100)
  const failures = new Failures(() => undefined)
  const limits = limitsOf()
  hub = new Hub({ broker: memory({ clock }), clock, deadlines, limits })
  const routes = routesOf(api, { log: { subscribe: anyone, presence: () => ({}) }, live: { subscribe: anyone } })
  const outcomes = new Outcomes(clock)
  const dispatcher = new Dispatcher({
    ...{ routes, interceptors: [], validateOutput: true, failures, clock, deadlines, limits, topics: hub, outcomes },
  })
  callers = new Callers(api, { dispatcher, hub, failures, clock, deadlines, limits })
  publish = (name, message) => hub.publish(api[name] as never, 'a', message)
})

afterEach(async () => {
  callers.close()
  const closed = hub.close()
  await clock.settle()
  await closed
  expect(deadlines.size).toBe(0)
})

describe('subscriptions of a process to its own topics', () => {
  it('keep little waiting for a slow loop, and still give it all of a log', async () => {
    const arrived = vi.spyOn(Inbox.prototype, 'sendEncoded')
    const loop = callers.caller<typeof api>(undefined).log('a').messages({ rewind: 0 })[Symbol.asyncIterator]()
    const first = loop.next()
    await clock.settle()
    for (let i = 0; i < 4_000; i++) await publish('log', i)
    await clock.settle()
    expect(arrived.mock.calls.length).toBeLessThan(1_100)
    const got = [(await first).value]
    while (got.length < 4_000) {
      const next = loop.next()
      await clock.settle()
      got.push((await next).value)
      if (got.length % 500 === 0) await publish('log', 4_000)
    }
    expect(got).toEqual(Array.from({ length: 4_000 }, (_, i) => i))
    await loop.return?.()
    arrived.mockRestore()
  })

  it('tell a slow loop on a topic that retains nothing that messages are lost', async () => {
    const loop = callers.caller<typeof api>(undefined).live('a')[Symbol.asyncIterator]()
    const first = loop.next()
    await clock.settle()
    for (let i = 0; i < 3_000; i++) await publish('live', i)
    await clock.settle()
    expect(await first).toEqual({ done: false, value: 0 })
    let last = 0
    await expect(
      (async () => {
        for (;;) last = (await loop.next()).value as number
      })(),
    ).rejects.toMatchObject({ code: 'DATA_LOSS' })
    expect(last).toBeGreaterThan(900)
  })

  it('leave nothing behind when they are closed, left, aborted or refused', async () => {
    const { log, live } = callers.caller<typeof api>(undefined)
    const control = new AbortController()
    const loop = live('a')[Symbol.asyncIterator]()
    void loop.next()
    const other = log('a').messages({ signal: control.signal })[Symbol.asyncIterator]()
    void other.next()
    const listening = log('a').subscribe(() => undefined)
    const looking = log('a').presence.subscribe(() => undefined)
    const refused = log(7 as never).subscribe(() => undefined)
    await clock.settle()
    expect(hub.channels).toBe(3)
    expect(refused.state).toBe('closed')
    await loop.return?.()
    control.abort()
    listening.close()
    looking[Symbol.dispose]()
    await clock.advance(10_000)
    expect([hub.channels, hub.presence.size]).toEqual([0, 0])
    const end = vi.spyOn(Object.getPrototypeOf(listening), 'end')
    callers.close()
    expect(end).not.toHaveBeenCalled()
    end.mockRestore()
  })

  it('end with the server', async () => {
    const { log } = callers.caller<typeof api>(undefined)
    const loop = log('a')[Symbol.asyncIterator]().next()
    const onError = vi.fn()
    log('a').subscribe(() => undefined, { onError })
    await clock.settle()
    callers.close()
    await expect(loop).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(onError).toHaveBeenCalledWith(expect.any(TautlineError))
  })

  it('that are closed before they began ask nobody', async () => {
    const subscription = callers
      .caller<typeof api>(undefined)
      .log('a')
      .subscribe(() => undefined)
    subscription.close()
    await expect(subscription.ready).rejects.toMatchObject({ code: 'CANCELLED' })
    await clock.settle()
    expect(hub.channels).toBe(0)
  })
})
