import { type Call, contract, type Interceptor, procedure, stream, TautlineError, topic } from '@tautline/core'
import { afterEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { Dispatching, type Options, settled } from './support/dispatching.ts'

const api = contract({
  double: procedure({ input: z.number(), output: z.number(), meta: { role: 'admin' } }),
  rows: stream({ input: z.number(), down: z.number(), result: z.string() }),
  feed: topic({ params: z.object({ room: z.string() }), message: z.string(), publish: z.string() }),
})

const never = (): Promise<never> => new Promise(() => undefined)

let bench: Dispatching | undefined

function dispatching(
  interceptors: readonly Interceptor<string>[],
  handlers: { double?: unknown; rows?: unknown; feed?: object } = {},
  options: Options = {},
): Dispatching {
  const feed = { subscribe: () => undefined, publish: (_: unknown, text: string) => text }
  const all = {
    double: (n: number) => n * 2,
    rows: async function* () {},
    ...handlers,
    feed: { ...feed, ...handlers.feed },
  }
  bench = new Dispatching(api, all, {
    context: 'outer',
    ...options,
    interceptors: interceptors as readonly Interceptor[],
  })
  return bench
}

afterEach(async () => {
  await bench?.close()
  bench = undefined
})

describe('interceptors', () => {
  it('wrap the handler, the first one outermost, and see what is called with which input', async () => {
    const order: unknown[] = []
    const wrap =
      (name: string): Interceptor<string> =>
      async (call, next) => {
        order.push([name, call.action, call.entry.path, call.entry.meta, call.input, call.context])
        order.push([name, await next()])
      }
    const double = (n: number) => order.push('handler') * 0 + n * 2
    const b = dispatching([wrap('a'), wrap('b')], { double })
    expect(await b.ask('double', 21)).toEqual({ value: 42 })
    const seen = ['call', 'double', { role: 'admin' }, 21, 'outer']
    expect(order).toEqual([['a', ...seen], ['b', ...seen], 'handler', ['b', 42], ['a', 42]])
  })

  it('may replace the context for what is further in', async () => {
    const contexts: unknown[] = []
    const b = dispatching(
      [
        (_, next) => next({ context: 'inner' }),
        (call, next) => {
          contexts.push(call.context)
          return next()
        },
      ],
      { double: (_: number, call: Call) => contexts.push(call.context) },
    )
    await b.ask('double', 1)
    expect(contexts).toEqual(['inner', 'inner'])
  })

  it('wrap a stream until its last item, and get its result', async () => {
    const seen: unknown[] = []
    const b = dispatching([async (_, next) => void seen.push(await next())], {
      async *rows(n: number) {
        for (let i = 0; i < n; i++) yield i
        seen.push('last item')
        return 'all'
      },
    })
    expect(await b.ask('rows', 3)).toEqual({ value: 'all' })
    expect(seen).toEqual(['last item', 'all'])
  })

  it('wrap the decision to let a subscriber in, and a publish', async () => {
    const seen: unknown[] = []
    const b = dispatching([async (call, next) => void seen.push(call.action, call.input, await next())])
    await b.dispatcher.admit(b.caller, 'feed', { room: 'a' }, new AbortController().signal)
    await settled(b.publish('feed', { room: 'b' }, 'hi'), b.clock)
    expect(seen).toEqual(['subscribe', { room: 'a' }, undefined, 'publish', { room: 'b' }, ['e', 1]])
  })

  it('refuse by throwing, and no handler runs', async () => {
    const double = vi.fn()
    const b = dispatching(
      [
        () => {
          throw new TautlineError('UNAVAILABLE', 'too many')
        },
      ],
      { double },
    )
    expect((await b.ask('double', 1)).error).toMatchObject({
      code: 'UNAVAILABLE',
      message: 'too many',
      mayHaveRun: false,
    })
    expect(double).not.toHaveBeenCalled()
    await expect(b.dispatcher.admit(b.caller, 'feed', { room: 'a' }, new AbortController().signal)).rejects.toThrow(
      'too many',
    )
  })

  it('see what a handler threw, and may replace it by throwing another error', async () => {
    const oops = new Error('no row')
    const b = dispatching(
      [
        async (_, next) =>
          next().catch(error => {
            throw error === oops ? new TautlineError('NOT_FOUND') : error
          }),
      ],
      {
        double: () => {
          throw oops
        },
      },
    )
    expect((await b.ask('double', 1)).error?.code).toBe('NOT_FOUND')
    expect(b.reports).toEqual([])
  })

  it('cannot turn a failure into a success, nor one result into another', async () => {
    const b = dispatching([async (_, next) => next().catch(() => 7)], {
      double: (n: number) => (n ? n : fail(new TautlineError('ABORTED'))),
    })
    expect((await b.ask('double', 0)).error?.code).toBe('ABORTED')
    const other = dispatching([
      async (_, next) => {
        await next()
        return 7
      },
    ])
    expect(await other.ask('double', 1)).toEqual({ value: 2 })
  })

  it('need not wait for next()', async () => {
    const b = dispatching([(_, next) => void next()], {
      double: (n: number) => Promise.resolve().then(() => n || fail(new Error('x'))),
    })
    expect(await b.ask('double', 1)).toEqual({ value: 1 })
    expect((await b.ask('double', 0)).error?.code).toBe('INTERNAL')
  })

  it.each([
    [
      'called next() twice',
      async (_: unknown, next: () => unknown) => {
        await next()
        await next()
      },
      1,
    ],
    ['called next() twice at once', (_: unknown, next: () => unknown) => Promise.all([next(), next()]), 1],
    ['returned without calling next()', () => undefined, 0],
    [
      'throws null',
      () => {
        throw null
      },
      0,
    ],
  ])('are an incident when one %s, and the handler runs no more than once', async (_, interceptor, runs) => {
    const double = vi.fn((n: number) => n)
    const b = dispatching([interceptor as Interceptor<string>], { double })
    expect((await b.ask('double', 1)).error).toMatchObject({ code: 'INTERNAL', incident: b.reports[0]?.incident })
    expect(double).toHaveBeenCalledTimes(runs)
  })

  it('cannot run the handler once they have returned', async () => {
    const double = vi.fn()
    let late: (() => unknown) | undefined
    const b = dispatching(
      [
        (_, next) => {
          late = next
        },
      ],
      { double },
    )
    await b.ask('double', 1)
    expect(late).toThrow('after it had returned')
    expect(double).not.toHaveBeenCalled()
  })

  it('do not start a handler whose caller has left meanwhile', async () => {
    const double = vi.fn()
    let go: () => void = () => undefined
    const b = dispatching(
      [
        async (_, next) => {
          await new Promise<void>(resolve => {
            go = resolve
          })
          await next()
        },
      ],
      { double },
    )
    const asked = b.call('double', 1)
    await b.clock.settle()
    asked.exchange.cancel()
    await b.clock.settle()
    go()
    await b.clock.settle()
    expect(double).not.toHaveBeenCalled()
    expect([b.inflight.calls, b.reports.length]).toEqual([0, 0])
  })

  it('that give up on a running handler fire its signal, and the slot waits for it', async () => {
    let call: Call | undefined
    let release: () => void = () => undefined
    const b = dispatching(
      [
        (_, next) => {
          void next()
          throw new TautlineError('ABORTED', 'enough')
        },
      ],
      {
        double: (n: number, given: Call) => {
          call = given
          return new Promise(resolve => {
            release = () => resolve(n)
          })
        },
      },
    )
    expect((await b.ask('double', 1)).error).toMatchObject({ code: 'ABORTED', message: 'enough' })
    expect(call?.signal.aborted).toBe(true)
    expect(b.inflight.calls).toBe(1)
    release()
    await b.clock.settle()
    expect(b.inflight.calls).toBe(0)
  })

  it('that gave up need not care how the handler ends', async () => {
    const giveUp: Interceptor<string> = (_, next) => {
      void next()
      throw new TautlineError('ABORTED')
    }
    const double = (_: number, { signal }: Call) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('too late'))))
    const b = dispatching([giveUp], { double })
    expect((await b.ask('double', 1)).error?.code).toBe('ABORTED')
    expect(b.inflight.calls).toBe(0)
  })

  it('that never go on are bounded by the deadline, which then says that no handler has run', async () => {
    const b = dispatching([never])
    const asked = b.call('double', 1)
    await b.clock.advance(30_100)
    expect((await settled(asked, b.clock)).error).toMatchObject({ code: 'DEADLINE_EXCEEDED', mayHaveRun: false })
    await b.clock.advance(60_100)
  })
})

function fail(thrown: unknown): never {
  throw thrown
}
