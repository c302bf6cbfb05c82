import type { Intercepted, Interceptor } from '@tautline/core'
import { contract, procedure, topic } from '@tautline/core'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { type Count, type Counts, countsInMemory } from '../src/counts.ts'
import { rateLimit } from '../src/rate-limit.ts'
import { Dispatching } from './support/dispatching.ts'

const desk = contract({
  ask: procedure({ input: z.string(), output: z.string(), meta: { cost: 3 } }),
  look: procedure({ output: z.string() }),
  feed: topic({ params: z.object({ room: z.string() }), message: z.string() }),
})

let ran = 0
const dispatchings: Dispatching[] = []

function open(interceptor: Interceptor, identity?: string): Dispatching {
  const dispatching = new Dispatching(
    desk,
    {
      ask: (text: string) => {
        ran += 1
        return text
      },
      look: () => 'seen',
      feed: { subscribe: () => undefined },
    },
    { interceptors: [interceptor], ...(identity === undefined ? {} : { identity }) },
  )
  dispatchings.push(dispatching)
  return dispatching
}

beforeEach(() => {
  ran = 0
  // The library lives by the machine's clock.
  vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] })
})

afterEach(async () => {
  for (const dispatching of dispatchings.splice(0)) await dispatching.close()
  vi.runAllTimers()
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

describe('rateLimit()', () => {
  it('lets so many pass and refuses one more before its handler runs, saying when to come back', async () => {
    const { ask } = asking(open(rateLimit({ points: 3, seconds: 10 }), 'ada'))
    for (let n = 0; n < 3; n++) expect(await ask()).toEqual({ value: 'hi' })
    vi.advanceTimersByTime(4_000)
    const { error } = await ask()
    expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', message: 'too many requests', retryAfterMs: 6_000 })
    expect(error?.data).toBeUndefined()
    expect(ran).toBe(3)
    vi.advanceTimersByTime(5_999)
    expect((await ask()).error?.retryAfterMs).toBe(1)
    vi.advanceTimersByTime(1)
    expect(await ask()).toEqual({ value: 'hi' })
  })

  it('counts each identity by itself, and all of its sessions together', async () => {
    const limit = rateLimit({ points: 1, seconds: 10 })
    const [ada, alsoAda, bob] = [asking(open(limit, 'ada')), asking(open(limit, 'ada')), asking(open(limit, 'bob'))]
    expect(await ada.ask()).toEqual({ value: 'hi' })
    expect((await alsoAda.ask()).error?.code).toBe('RESOURCE_EXHAUSTED')
    expect(await bob.ask()).toEqual({ value: 'hi' })
  })

  it('counts a network of IPv6 as one address', async () => {
    const limit = rateLimit({ points: 1, seconds: 10 })
    const from = (address: string) => {
      const dispatching = open(limit)
      dispatching.caller = { ...dispatching.caller, session: { id: address, identity: undefined, address } }
      return asking(dispatching)
    }
    expect(await from('2001:db8:1:2::1').ask()).toEqual({ value: 'hi' })
    expect((await from('2001:db8:1:2:ff::1').ask()).error?.code).toBe('RESOURCE_EXHAUSTED')
    expect(await from('2001:db8:1:3::1').ask()).toEqual({ value: 'hi' })
  })

  it('counts whoever has no identity by address; an identity that looks like one is another', async () => {
    const limit = rateLimit({ points: 1, seconds: 10 })
    const [one, other, named] = [asking(open(limit)), asking(open(limit)), asking(open(limit, 'address ::1'))]
    expect(await one.ask()).toEqual({ value: 'hi' })
    expect((await other.ask()).error?.code).toBe('RESOURCE_EXHAUSTED')
    expect(await named.ask()).toEqual({ value: 'hi' })
  })

  it('counts by what it is told, at the cost that it is told, and leaves out what has no name or no cost', async () => {
    const limit = rateLimit({
      points: 6,
      seconds: 10,
      by: ({ action, input }) => (action === 'call' ? String(input) : undefined),
      cost: ({ entry }) => Number((entry.meta as { readonly cost?: number } | undefined)?.cost ?? 0),
    })
    const dispatching = open(limit, 'ada')
    const { ask } = asking(dispatching)
    for (let n = 0; n < 20; n++) expect((await dispatching.ask('look')).value).toBe('seen')
    for (let n = 0; n < 2; n++) expect(await ask()).toEqual({ value: 'hi' })
    expect((await ask()).error?.code).toBe('RESOURCE_EXHAUSTED')
    expect(await ask('another')).toEqual({ value: 'another' })
    const signal = new AbortController().signal
    for (let n = 0; n < 20; n++) {
      await dispatching.dispatcher.admit(dispatching.caller, 'feed', { room: `${n}` }, signal)
    }
  })

  it('counts subscriptions too', async () => {
    const dispatching = open(rateLimit({ points: 1, seconds: 10 }), 'ada')
    const admit = () =>
      dispatching.dispatcher.admit(dispatching.caller, 'feed', { room: 'a' }, new AbortController().signal)
    await admit()
    await expect(admit()).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED', retryAfterMs: 10_000 })
  })

  it('remembers so many names and no more, however long they are: the one not heard of for longest begins anew', async () => {
    const limit = rateLimit({ points: 1, seconds: 10, names: 2, by: ({ input }) => `${input}` })
    const { ask } = asking(open(limit, 'ada'))
    const long = 'x'.repeat(100_000)
    for (const name of ['a', long, 'a']) await ask(name)
    expect(vi.getTimerCount()).toBe(2)
    await ask('c')
    expect(vi.getTimerCount()).toBe(2)
    expect((await ask('a')).error?.code).toBe('RESOURCE_EXHAUSTED')
    expect((await ask(long)).value).toBe(long)
  })

  it.each([
    [{ points: 0, seconds: 1 }, 'points'],
    [{ points: 1.5, seconds: 1 }, 'points'],
    [{ points: 1, seconds: 0 }, 'seconds'],
    [{ points: 1, seconds: Number.NaN }, 'seconds'],
    [{ points: 1, seconds: 1, names: 0 }, 'names'],
  ])('refuses %o', (options, name) => {
    expect(() => rateLimit(options)).toThrow(new RegExp(`^${name} must be an integer`))
  })
})

describe('rateLimit() with counts that are shared', () => {
  it('counts with all others, and says when points are back', async () => {
    const counts = countsInMemory(100)
    const [here, there] = [1, 2].map(() => asking(open(rateLimit({ points: 3, seconds: 10, counts }), 'ada')))
    for (const server of [here, there, here]) expect(await server?.ask()).toEqual({ value: 'hi' })
    vi.advanceTimersByTime(4_000)
    for (const server of [here, there]) {
      expect((await server?.ask())?.error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', retryAfterMs: 6_000 })
    }
    vi.advanceTimersByTime(6_000)
    expect(await there?.ask()).toEqual({ value: 'hi' })
  })

  it('does not ask about those of whom it knows that they have too much', async () => {
    const shaken = new ShakenCounts()
    const { ask } = asking(open(rateLimit({ points: 2, seconds: 10, counts: shaken }), 'ada'))
    for (let n = 0; n < 50; n++) await ask()
    expect(shaken.asked).toBe(3)
    expect((await ask()).error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', retryAfterMs: 10_000 })
    vi.advanceTimersByTime(10_000)
    expect(await ask()).toEqual({ value: 'hi' })
  })

  it('remembers so many of them and no more', async () => {
    const shaken = new ShakenCounts()
    const options = { points: 1, seconds: 10, names: 2, counts: shaken, by: ({ input }: Intercepted) => `${input}` }
    const { ask } = asking(open(rateLimit(options), 'ada'))
    for (const name of ['a', 'b', 'c']) for (let n = 0; n < 2; n++) await ask(name)
    expect(shaken.asked).toBe(6)
    for (const name of ['c', 'b', 'a']) expect((await ask(name)).error?.code).toBe('RESOURCE_EXHAUSTED')
    expect(shaken.asked).toBe(7)
  })

  it.each(['throws', 'rejects'] as const)(
    'that %s counts by itself, and neither refuses all nor lets all pass',
    async how => {
      const shaken = new ShakenCounts()
      shaken.how = how
      const told: unknown[] = []
      const onError = (error: unknown) => told.push(error)
      const { ask } = asking(open(rateLimit({ points: 3, seconds: 100, counts: shaken, onError }), 'ada'))
      for (let n = 0; n < 3; n++) expect(await ask()).toEqual({ value: 'hi' })
      expect((await ask()).error?.code).toBe('RESOURCE_EXHAUSTED')
      expect(told).toEqual([new Error('the engine is away')])
    },
  )

  it('that are silent cost the first ones half a second and nobody else anything, and are asked again after one', async () => {
    const shaken = new ShakenCounts()
    shaken.how = 'hangs'
    const told: unknown[] = []
    const onError = (error: unknown) => told.push(String(error))
    const limit = rateLimit({ points: 100, seconds: 100, by: () => 'ada', counts: shaken, onError })
    let passed = 0
    const next = async () => {
      passed += 1
    }
    const ask = () => limit({} as Intercepted, next)
    const first = ask()
    await vi.advanceTimersByTimeAsync(499)
    expect(passed).toBe(0)
    await vi.advanceTimersByTimeAsync(1)
    await first
    for (let n = 0; n < 10; n++) await ask()
    expect(passed).toBe(11)
    expect(shaken.asked).toBe(1)
    await vi.advanceTimersByTimeAsync(1_000)
    shaken.how = 'answers'
    await ask()
    expect(shaken.asked).toBe(2)
    expect(told).toEqual(['Error: nothing was counted within 500 ms'])
    // What comes too late is nobody's: the suite fails on a rejection that nobody handles.
    shaken.letGo()
  })

  it('tells why it counts by itself at once, and then once a minute', async () => {
    const shaken = new ShakenCounts()
    shaken.how = 'rejects'
    const told: string[] = []
    const onError = (error: unknown) => {
      told.push(String(error))
      throw new Error('of the error handler itself')
    }
    const { ask } = asking(open(rateLimit({ points: 1_000, seconds: 1_000, counts: shaken, onError }), 'ada'))
    for (let second = 0; second <= 60; second++) {
      for (let n = 0; n < 3; n++) expect(await ask()).toEqual({ value: 'hi' })
      await vi.advanceTimersByTimeAsync(1_000)
    }
    expect(told).toEqual(['Error: the engine is away', 'Error: 60 times within 60 s: the engine is away'])
  })
})

/** Counts that others share, and what may happen to them. */
class ShakenCounts implements Counts {
  how: 'answers' | 'throws' | 'rejects' | 'hangs' = 'answers'
  asked = 0
  readonly #inner = countsInMemory(100)
  readonly #hanging: (() => void)[] = []

  add(name: string, points: number, seconds: number): Promise<Count> {
    this.asked += 1
    const away = new Error('the engine is away')
    if (this.how === 'throws') throw away
    if (this.how === 'rejects') return Promise.reject(away)
    if (this.how === 'hangs') return new Promise((_, reject) => this.#hanging.push(() => reject(away)))
    return this.#inner.add(name, points, seconds)
  }

  /** What hangs is rejected after all. */
  letGo(): void {
    for (const reject of this.#hanging) reject()
  }
}

function asking(dispatching: Dispatching) {
  return { ask: (text = 'hi') => dispatching.ask('ask', text) }
}
