import type { Interceptor } from '@tautline/core'
import { contract, procedure, topic } from '@tautline/core'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
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
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
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

  it('leaves the counting to another limiter of the library; when that fails, the call is an incident', async () => {
    const limiter = new RateLimiterMemory({ points: 1, duration: 10 })
    const { ask } = asking(open(rateLimit({ points: 100, seconds: 1, limiter }), 'ada'))
    expect(await ask()).toEqual({ value: 'hi' })
    expect((await ask()).error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', retryAfterMs: 10_000 })
    const broken = { consume: () => Promise.reject(new Error('redis://:secret@db is down')) }
    const dispatching = open(rateLimit({ points: 1, seconds: 1, limiter: broken }), 'ada')
    const { error } = await dispatching.ask('ask', 'hi')
    expect(error?.code).toBe('INTERNAL')
    expect(error?.message).not.toContain('secret')
    expect(dispatching.reports).toHaveLength(1)
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

function asking(dispatching: Dispatching) {
  return { ask: (text = 'hi') => dispatching.ask('ask', text) }
}
