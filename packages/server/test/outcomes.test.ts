import { contract, type Interceptor, procedure, TautlineError } from '@tautline/core'
import { afterEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { VirtualClock } from '../../testing/src/clock.ts'
import { OUTCOME_LIMITS, Outcomes } from '../src/outcomes.ts'
import { Dispatching, type Options, settled } from './support/dispatching.ts'

const api = contract({
  pay: procedure({
    input: z.object({ cents: z.number(), to: z.string().optional() }),
    output: z.object({ receipt: z.number() }),
    errors: { BROKE: z.number().transform(String) },
  }),
  other: procedure({ input: z.object({ cents: z.number() }), output: z.object({ receipt: z.number() }) }),
})

const never = (): Promise<never> => new Promise(() => undefined)

let bench: Dispatching | undefined

function dispatching(pay: (input: { cents: number }, call: never) => unknown, options: Options = {}): Dispatching {
  bench = new Dispatching(api, { pay, other: pay }, { identity: 'ada', ...options })
  return bench
}

afterEach(async () => {
  await bench?.close()
  bench = undefined
})

describe('a call with a key', () => {
  it('runs once, and the next one gets the same outcome', async () => {
    let receipt = 0
    const b = dispatching(() => ({ receipt: ++receipt }))
    expect(await b.ask('pay', { cents: 1 }, { key: 'k' })).toEqual({ value: { receipt: 1 } })
    expect(await b.ask('pay', { cents: 1 }, { key: 'k' })).toEqual({ value: { receipt: 1 } })
    expect(await b.ask('pay', { cents: 1 })).toEqual({ value: { receipt: 2 } })
  })

  it('waits for the first one that is still running', async () => {
    let pay: (made: unknown) => void = () => undefined
    const run = vi.fn(
      () =>
        new Promise(resolve => {
          pay = resolve
        }),
    )
    const b = dispatching(run)
    const calls = [1, 2, 3].map(() => b.call('pay', { cents: 1 }, { key: 'k' }))
    await b.clock.settle()
    expect(run).toHaveBeenCalledOnce()
    pay({ receipt: 7 })
    for (const asked of calls) expect(await settled(asked, b.clock)).toEqual({ value: { receipt: 7 } })
  })

  it('is another one for another identity, entry or key', async () => {
    const run = vi.fn(() => ({ receipt: 1 }))
    const b = dispatching(run)
    await b.ask('pay', { cents: 1 }, { key: 'k' })
    await b.ask('pay', { cents: 1 }, { key: 'l' })
    await b.ask('other', { cents: 1 }, { key: 'k' })
    for (const session of [{ id: 'public', identity: 'bob' }, { id: 'ada' }, { id: 'other' }]) {
      b.caller = { ...b.caller, session: { identity: undefined, address: undefined, ...session } }
      await b.ask('pay', { cents: 1 }, { key: 'k' })
    }
    expect(run).toHaveBeenCalledTimes(6)
  })

  it('may not be used with another input, while it runs or later; the order of keys makes no other', async () => {
    let pay: (made: unknown) => void = () => undefined
    const b = dispatching(
      () =>
        new Promise(resolve => {
          pay = resolve
        }),
    )
    const first = b.call('pay', { cents: 1, to: 'bob' }, { key: 'k' })
    expect((await b.ask('pay', { cents: 2, to: 'bob' }, { key: 'k' })).error?.code).toBe('FAILED_PRECONDITION')
    pay({ receipt: 1 })
    await settled(first, b.clock)
    expect((await b.ask('pay', { cents: 2, to: 'bob' }, { key: 'k' })).error?.code).toBe('FAILED_PRECONDITION')
    expect(await b.ask('pay', { to: 'bob', cents: 1 }, { key: 'k' })).toEqual({ value: { receipt: 1 } })
  })

  it('gets the same failure again: the declared one with its data transformed once, the incident told once', async () => {
    const thrown = [new TautlineError('BROKE', 'no money', { data: 5 }), new Error('x')]
    const b = dispatching(({ cents }) => {
      throw thrown[cents]
    })
    for (let i = 0; i < 2; i++) {
      expect((await b.ask('pay', { cents: 0 }, { key: 'k' })).error).toMatchObject({
        code: 'BROKE',
        message: 'no money',
        data: '5',
      })
    }
    const [first, second] = [
      await b.ask('pay', { cents: 1 }, { key: 'l' }),
      await b.ask('pay', { cents: 1 }, { key: 'l' }),
    ]
    expect(first.error).toMatchObject({ code: 'INTERNAL', incident: b.reports[0]?.incident })
    expect(second.error?.incident).toBe(first.error?.incident)
    expect(b.reports).toHaveLength(1)
  })

  it('is not used up by a call that no handler has seen', async () => {
    let refused = true
    const gate: Interceptor = (_, next) => {
      if (refused) throw new TautlineError('UNAVAILABLE')
      return next()
    }
    const b = dispatching(() => ({ receipt: 1 }), { interceptors: [gate] })
    expect((await b.ask('pay', { cents: 'x' }, { key: 'k' })).error?.code).toBe('INVALID_ARGUMENT')
    expect((await b.ask('pay', { cents: 1 }, { key: 'k' })).error).toMatchObject({
      code: 'UNAVAILABLE',
      mayHaveRun: false,
    })
    refused = false
    expect(await b.ask('pay', { cents: 1 }, { key: 'k' })).toEqual({ value: { receipt: 1 } })
  })

  it('goes through the interceptors each time: who may no longer call gets no outcome either', async () => {
    const seen = vi.fn((_: unknown, next: () => unknown) => next())
    const b = dispatching(() => ({ receipt: 1 }), { interceptors: [seen] })
    await b.ask('pay', { cents: 1 }, { key: 'k' })
    await b.ask('pay', { cents: 1 }, { key: 'k' })
    expect(seen).toHaveBeenCalledTimes(2)
  })

  it('that was cancelled is finished all the same, and its outcome told to the next one', async () => {
    let pay: (made: unknown) => void = () => undefined
    const run = vi.fn(
      () =>
        new Promise(resolve => {
          pay = resolve
        }),
    )
    const b = dispatching(run)
    const first = b.call('pay', { cents: 1 }, { key: 'k' })
    await b.clock.settle()
    first.exchange.cancel()
    const second = b.call('pay', { cents: 1 }, { key: 'k' })
    await b.clock.settle()
    pay({ receipt: 3 })
    expect(await settled(second, b.clock)).toEqual({ value: { receipt: 3 } })
    expect(run).toHaveBeenCalledOnce()
  })

  it('whose first run was stopped tells the next one that it may have run', async () => {
    const b = dispatching(
      (_, { signal }: { signal: AbortSignal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    )
    const first = b.call('pay', { cents: 1 }, { key: 'k' })
    await b.clock.settle()
    first.exchange.cancel()
    expect((await b.ask('pay', { cents: 1 }, { key: 'k' })).error).toMatchObject({
      code: 'UNAVAILABLE',
      mayHaveRun: true,
    })
    expect(b.reports).toEqual([])
  })

  it('keeps its own deadline while it waits for the first', async () => {
    const b = dispatching(never)
    b.call('pay', { cents: 1 }, { key: 'k' })
    const second = b.call('pay', { cents: 1 }, { key: 'k', timeoutMs: 1_000 })
    await b.clock.advance(1_100)
    expect((await settled(second, b.clock)).error?.code).toBe('DEADLINE_EXCEEDED')
    await b.clock.advance(91_000)
    expect(b.inflight.calls).toBe(0)
  })

  it('runs again after two minutes, and not before', async () => {
    const run = vi.fn(() => ({ receipt: 1 }))
    const b = dispatching(run)
    await b.ask('pay', { cents: 1 }, { key: 'k' })
    await b.clock.advance(119_999)
    await b.ask('pay', { cents: 1 }, { key: 'k' })
    expect(run).toHaveBeenCalledTimes(1)
    await b.clock.advance(1)
    await b.ask('pay', { cents: 1 }, { key: 'k' })
    expect(run).toHaveBeenCalledTimes(2)
  })
})

describe('kept outcomes', () => {
  function outcomes(limits = OUTCOME_LIMITS) {
    const clock = new VirtualClock()
    return { clock, kept: new Outcomes(clock, limits) }
  }

  const text = (bytes: number) => 'x'.repeat(bytes - 3) // with its head of three bytes

  it.each([
    [65_535, 1],
    [65_536, 1],
    [65_537, 2],
  ])('of %i bytes make the next call run %i times', async (bytes, runs) => {
    const { kept } = outcomes()
    const run = vi.fn(async () => (bytes < 65_539 ? text(bytes) : ''))
    expect(await kept.once('ada', 'a', 1, run)).toBe(await kept.once('ada', 'a', 1, run))
    expect(run).toHaveBeenCalledTimes(runs)
  })

  it('push out the oldest of whoever has most when they are too many bytes together, and nobody else’s', async () => {
    const { kept } = outcomes({ ms: 1_000, bytes: 1_000, totalBytes: 15_500 })
    const run = vi.fn(async () => text(1_000))
    await kept.once('bob', 'his', 1, run)
    for (const who of ['ada', 'eve']) {
      for (const n of [1, 2, 3, 4, 5, 6]) await kept.once(who, `${who} ${n}`, 1, run)
    }
    expect(kept.size).toBe(13)
    await kept.once('eve', 'eve 7', 1, run)
    expect([kept.size, kept.bytes <= 15_000]).toEqual([12, true])
    expect(run).toHaveBeenCalledTimes(14)
    for (const name of ['his', 'ada 1', 'eve 3', 'eve 7']) await kept.once('anybody', name, 1, run)
    expect(run).toHaveBeenCalledTimes(14)
    await kept.once('eve', 'eve 1', 1, run)
    expect(run).toHaveBeenCalledTimes(15)
  })

  it('of one owner who has too many push out that owner’s oldest, and nobody else’s', async () => {
    const { kept } = outcomes({ ms: 1_000, bytes: 1_000, totalBytes: 100_000, ownerBytes: 3_500 })
    const run = vi.fn(async () => text(1_000))
    await kept.once('bob', 'his', 1, run)
    for (let i = 0; i < 50; i++) await kept.once('ada', `hers ${i}`, 1, run)
    expect(kept.size).toBe(4)
    expect(run).toHaveBeenCalledTimes(51)
    await kept.once('bob', 'his', 1, run)
    await kept.once('ada', 'hers 49', 1, run)
    expect(run).toHaveBeenCalledTimes(51)
    await kept.once('ada', 'hers 0', 1, run)
    expect(run).toHaveBeenCalledTimes(52)
  })

  it('are of at most so many bytes together, however small each is', async () => {
    const { kept } = outcomes({ ...OUTCOME_LIMITS, totalBytes: 100_000 })
    for (let i = 0; i < 2_000; i++) await kept.once('ada', `name ${i}`, 1, async () => undefined)
    expect(kept.size).toBeLessThan(1_000)
    expect(kept.bytes).toBeLessThanOrEqual(100_000)
  })

  it('are forgotten in time by a sweep, and leave nothing', async () => {
    const { kept, clock } = outcomes()
    await kept.once('ada', 'a', 1, async () => 'a')
    await clock.advance(60_000)
    await kept.once('ada', 'b', 1, async () => 'b')
    await clock.advance(60_000)
    kept.sweep()
    expect(kept.size).toBe(1)
    await clock.advance(60_000)
    kept.sweep()
    expect([kept.size, kept.bytes]).toEqual([0, 0])
  })

  it('are told anew: nobody can change what the next one gets', async () => {
    const { kept } = outcomes()
    const made = { list: [1], at: new Date(0), bytes: new Uint8Array([1]) }
    const first = (await kept.once('ada', 'a', 1, async () => made)) as typeof made
    first.list.push(2)
    const second = (await kept.once('ada', 'a', 1, never)) as typeof made
    expect(second).toEqual({ list: [1], at: new Date(0), bytes: new Uint8Array([1]) })
  })

  it('are not of what could not be sent', async () => {
    const { kept } = outcomes()
    await kept.once('ada', 'a', 1, async () => () => 1)
    expect(kept.size).toBe(0)
  })
})
