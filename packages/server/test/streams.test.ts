import { type Call, contract, procedure, stream, TautlineError, type UpCall } from '@tautline/core'
import { encodeFrame, FrameType } from '@tautline/core/wire'
import { afterEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { type Asked, Dispatching, type Options, settled } from './support/dispatching.ts'

const api = contract({
  rows: stream({ input: z.number(), down: z.number(), result: z.object({ count: z.number() }) }),
  forever: stream({ down: z.number(), timeout: 2_000 }),
  any: stream({ down: z.object({ name: z.string() }) }),
  sum: stream({ up: z.number(), result: z.number(), errors: { TOO_MUCH: z.number() } }),
  echo: stream({ up: z.string().transform(text => text.length), down: z.number().transform(String) }),
  ping: procedure({}),
})

type Up = UpCall<unknown, never, number>

const never = (): Promise<never> => new Promise(() => undefined)

let bench: Dispatching | undefined

function dispatching(handlers: Partial<Record<keyof typeof api, unknown>>, options?: Options): Dispatching {
  const rest = Object.fromEntries(Object.keys(api).map(name => [name, () => undefined]))
  bench = new Dispatching(api, { ...rest, ...handlers }, options)
  return bench
}

afterEach(async () => {
  await bench?.close()
  bench = undefined
})

async function read(asked: Asked, most = Number.POSITIVE_INFINITY): Promise<unknown[]> {
  const items: unknown[] = []
  for (let left = most; left > 0; left--) {
    const step = await asked.exchange.items.next()
    if (step.done) return items
    items.push(step.value)
  }
  return items
}

describe('a stream', () => {
  it('sends what its handler yields, in order, and ends with what it returns', async () => {
    const b = dispatching({
      async *rows(n: number) {
        for (let i = 0; i < n; i++) yield i
        return { count: n, secret: 'x' }
      },
    })
    const asked = b.call('rows', 3)
    expect(await read(asked)).toEqual([0, 1, 2])
    expect(await asked.answer).toEqual({ value: { count: 3 } })
  })

  it('is pulled only as fast as its caller reads: of a million items, little more than a window is made', async () => {
    let made = 0
    let left = false
    const b = dispatching({
      async *rows() {
        try {
          for (; made < 1_000_000; made++) yield made
          return { count: made }
        } finally {
          left = true
        }
      },
    })
    const asked = b.call('rows', 1, { window: 1_000 })
    expect(await read(asked, 10)).toHaveLength(10)
    await b.clock.settle()
    expect(made).toBeLessThan(1_000 / 4 + 20)
    expect(left).toBe(false)
    asked.exchange.cancel()
    await b.clock.settle()
    expect(left).toBe(true)
  })

  it('takes any async iterable where there is no result, and drops what it returns', async () => {
    const b = dispatching({
      any: () => ({
        [Symbol.asyncIterator]: () => {
          let n = 0
          return {
            next: async () =>
              n++ ? { done: true, value: 'a secret' } : { done: false, value: { name: 'ada', hash: 1 } },
          }
        },
      }),
    })
    const asked = b.call('any')
    expect(await read(asked)).toEqual([{ name: 'ada' }])
    expect(await asked.answer).toEqual({ value: undefined })
  })

  it('without items down is a plain function', async () => {
    const b = dispatching({
      sum: async (_: undefined, { up }: Up) => {
        let sum = 0
        for await (const n of up) sum += n
        return sum
      },
    })
    const asked = b.call('sum')
    for (const n of [1, 2, 3]) b.client.send([3, asked.exchange.id, n])
    asked.exchange.end()
    expect(await settled(asked, b.clock)).toEqual({ value: 6 })
  })

  it('parses each item once, up and down, and leaves what was sent up to be read when the handler gets to it', async () => {
    const b = dispatching({
      async *echo(_: undefined, { up }: Up) {
        await new Promise(resolve => setImmediate(resolve))
        for await (const length of up) yield length
      },
    })
    const asked = b.call('echo')
    void asked.exchange.pump(['a', 'bb'].values())
    await b.clock.settle()
    asked.exchange.end()
    await b.clock.settle()
    expect(await read(asked)).toEqual(['1', '2'])
  })

  it('has no deadline unless the contract or its caller gives one', async () => {
    async function* forever(_: unknown, { signal }: Call) {
      yield 1
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }
    const b = dispatching({ rows: forever, forever })
    const [none, declared, asked] = [b.call('rows', 1), b.call('forever'), b.call('rows', 1, { timeoutMs: 10_000 })]
    await b.clock.advance(2_100)
    expect((await settled(declared, b.clock)).error?.code).toBe('DEADLINE_EXCEEDED')
    await b.clock.advance(8_000)
    expect((await settled(asked, b.clock)).error?.code).toBe('DEADLINE_EXCEEDED')
    await b.clock.advance(3_600_000)
    expect(none.exchange.over).toBe(false)
    expect(b.reports).toEqual([])
  })

  it('holds its slot until it has ended', async () => {
    let end: () => void = () => undefined
    const b = dispatching({
      async *rows() {
        await new Promise<void>(resolve => {
          end = resolve
        })
        return { count: 0 }
      },
    })
    b.call('rows', 1)
    await b.clock.settle()
    expect(b.inflight.calls).toBe(1)
    end()
    await b.clock.settle()
    expect(b.inflight.calls).toBe(0)
  })

  it('takes no idempotency key: its items could not be told again', async () => {
    const b = dispatching({})
    expect((await b.ask('rows', 1, { key: 'k' })).error?.code).toBe('INVALID_ARGUMENT')
  })
})

describe('the items that a client sends', () => {
  it('are taken only as fast as the handler reads', async () => {
    let reading: (() => void) | undefined
    const b = dispatching(
      {
        sum: async (_: undefined, { up }: Up) => {
          await new Promise<void>(resolve => {
            reading = resolve
          })
          let sum = 0
          for await (const n of up) sum += n
          return sum
        },
      },
      { window: 100 },
    )
    const asked = b.call('sum')
    let made = 0
    const pumping = asked.exchange.pump({
      next: () => (made++ < 1_000 ? { done: false, value: 1 } : { done: true, value: undefined }),
    })
    await b.clock.settle()
    expect(made).toBeLessThan(40)
    reading?.()
    await pumping
    asked.exchange.end()
    expect(await settled(asked, b.clock)).toEqual({ value: 1_000 })
  })

  it.each([
    [9, undefined],
    [10, undefined],
    [11, 'RESOURCE_EXHAUSTED'],
  ])('wait to be read among the bytes in flight: with room for ten, %i of them: %s', async (count, code) => {
    const item = encodeFrame([FrameType.ITEM, 1, 5]).length + 64
    const caught: unknown[] = []
    let reading = (): void => undefined
    const b = dispatching(
      {
        sum: async (_: undefined, { up }: Up) => {
          await new Promise<void>(resolve => {
            reading = resolve
          })
          try {
            for await (const n of up) void n
          } catch (error) {
            caught.push(error)
            throw error
          }
          return 0
        },
      },
      { callBytes: encodeFrame([FrameType.CALL, 1, 'sum', undefined, { window: 65_536 }]).length + 10 * item },
    )
    const asked = b.call('sum')
    for (let n = 0; n < count; n++) b.client.send([FrameType.ITEM, asked.exchange.id, 5])
    await b.clock.settle()
    if (code === undefined) {
      expect((await b.ask('ping')).error?.code).toBe(count === 9 ? undefined : 'RESOURCE_EXHAUSTED')
      asked.exchange.end()
      reading()
      expect(await settled(asked, b.clock)).toEqual({ value: 0 })
    } else {
      expect((await settled(asked, b.clock)).error?.code).toBe(code)
      expect(b.inflight.bytes).toBeLessThan(10 * item)
      reading()
      await b.clock.settle()
      expect(caught).toMatchObject([{ code }])
    }
    expect(b.inflight.bytes).toBe(0)
    expect((await b.ask('ping')).error).toBeUndefined()
  })

  it('are granted no more once the handler has left its loop', async () => {
    const b = dispatching(
      {
        sum: async (_: undefined, { up }: Up) => {
          for await (const n of up) return never().then(() => n)
          return 0
        },
      },
      { window: 100 },
    )
    const asked = b.call('sum')
    let made = 0
    void asked.exchange.pump({ next: () => ({ done: false, value: made++ }) })
    await b.clock.settle()
    expect(made).toBeLessThan(40)
    asked.exchange.cancel()
    await b.clock.advance(61_000)
  })

  it('are dropped, and cost the handler nothing, where it takes none', async () => {
    const b = dispatching(
      {
        rows: async function* () {
          yield* [1]
          await never()
        },
      },
      { window: 100 },
    )
    const asked = b.call('rows', 1)
    for (let i = 0; i < 100; i++) b.client.send([3, asked.exchange.id, i])
    expect(await read(asked, 1)).toEqual([1])
    asked.exchange.cancel()
    await b.clock.advance(61_000)
  })

  it('that do not fit throw at the handler, and fail the stream where it does not catch', async () => {
    const b = dispatching({
      sum: async (_: undefined, { up }: Up) => {
        for await (const n of up) void n
        return 0
      },
    })
    const asked = b.call('sum')
    b.client.send([3, asked.exchange.id, 'not a number'])
    expect((await settled(asked, b.clock)).error).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('item'),
    })
    expect(b.reports).toEqual([])
  })

  it('whose source failed throw at the handler, and are no incident, whatever code the client made up', async () => {
    const caught: unknown[] = []
    const b = dispatching({
      sum: async (_: undefined, { up }: Up) => {
        try {
          for await (const n of up) void n
        } catch (error) {
          caught.push(error)
          throw error
        }
        return 0
      },
    })
    for (const code of ['MADE_UP', 'TOO_MUCH', 'INTERNAL']) {
      const asked = b.call('sum')
      asked.exchange.fail(new TautlineError(code, 'disk full', { data: 'a lie' }))
      expect((await settled(asked, b.clock)).error).toMatchObject({ code: 'CANCELLED', mayHaveRun: true })
    }
    expect(caught).toMatchObject([{ code: 'CANCELLED', cause: { code: 'MADE_UP' } }, {}, {}])
    expect(b.reports).toEqual([])
  })

  it('end with the deadline for a handler that reads them', async () => {
    const caught: unknown[] = []
    const b = dispatching({
      sum: async (_: undefined, { up }: Up) => {
        try {
          for await (const n of up) void n
        } catch (error) {
          caught.push(error)
        }
      },
    })
    const asked = b.call('sum', undefined, { timeoutMs: 1_000 })
    await b.clock.advance(1_100)
    expect((await settled(asked, b.clock)).error?.code).toBe('DEADLINE_EXCEEDED')
    expect(caught).toMatchObject([{ code: 'DEADLINE_EXCEEDED' }])
  })
})

describe('a handler of a stream that goes wrong', () => {
  it.each([
    [
      'throws before its first item',
      () => {
        throw new Error('x')
      },
      [],
    ],
    [
      'throws between items',
      async function* () {
        yield 1
        throw new Error('x')
      },
      [1],
    ],
    [
      'throws null',
      async function* () {
        yield 1
        throw null
      },
      [1],
    ],
    [
      'rejects instead of iterating',
      async () => {
        throw new Error('x')
      },
      [],
    ],
    ['returns nothing to iterate', () => undefined, []],
    ['returns an array', () => [1, 2], []],
    ['returns null', async () => null, []],
    [
      'yields the wrong shape',
      async function* () {
        yield 1
        yield 'two'
      },
      [1],
    ],
    [
      'returns the wrong result',
      async function* () {
        yield 1
        return 'many'
      },
      [1],
    ],
    [
      'returns no result',
      async function* () {
        yield 1
      },
      [1],
    ],
  ])('is an incident when it %s, after the items that were right', async (_, rows, items) => {
    const b = dispatching({ rows })
    const asked = b.call('rows', 1)
    const got: unknown[] = []
    await expect(
      (async () => {
        for await (const item of asked.exchange.items) got.push(item)
      })(),
    ).rejects.toMatchObject({ code: 'INTERNAL', incident: expect.any(String) })
    expect(got).toEqual(items)
    expect(b.reports).toHaveLength(1)
  })

  it.each([
    ['a function', () => 1],
    [
      'what holds itself',
      (() => {
        const a: unknown[] = []
        a.push(a)
        return a
      })(),
    ],
  ])('is an incident when it yields what cannot be sent: %s', async (_, item) => {
    const finished = vi.fn()
    const b = dispatching(
      {
        any: async function* () {
          try {
            yield item
          } finally {
            finished()
          }
        },
      },
      { validateOutput: false },
    )
    expect((await b.ask('any')).error).toMatchObject({ code: 'INTERNAL', incident: b.reports[0]?.incident })
    expect(finished).toHaveBeenCalledOnce()
  })

  it('is answered at once when it yields the wrong shape, and holds its slot until it has cleaned up', async () => {
    let clean: () => void = () => undefined
    const b = dispatching({
      async *rows() {
        try {
          yield 'wrong'
        } finally {
          await new Promise<void>(resolve => {
            clean = resolve
          })
        }
      },
    })
    expect((await b.ask('rows', 1)).error?.code).toBe('INTERNAL')
    expect(b.inflight.calls).toBe(1)
    clean()
    await b.clock.settle()
    expect(b.inflight.calls).toBe(0)
  })

  it('sends nothing that it yields after the cancellation', async () => {
    let go: () => void = () => undefined
    const seen: unknown[] = []
    const b = dispatching({
      async *rows(_: number, { signal }: Call) {
        yield 1
        await new Promise<void>(resolve => {
          go = resolve
        })
        seen.push(signal.aborted)
        try {
          yield 2
          seen.push('went on')
        } finally {
          seen.push('left')
        }
      },
    })
    const asked = b.call('rows', 1)
    expect(await read(asked, 1)).toEqual([1])
    await b.clock.settle()
    asked.exchange.cancel()
    await b.clock.settle()
    const before = b.client.link.received
    go()
    await b.clock.settle()
    expect(seen).toEqual([true, 'left'])
    expect(b.client.link.received).toBe(before)
    expect([b.inflight.calls, b.reports.length]).toEqual([0, 0])
  })

  it('gives its slot back after 60 s when it neither yields nor returns nor heeds its signal', async () => {
    const b = dispatching({
      rows: async function* () {
        yield 1
        await never()
      },
    })
    const asked = b.call('rows', 1)
    await b.clock.settle()
    asked.exchange.cancel()
    await b.clock.advance(59_000)
    expect(b.inflight.calls).toBe(1)
    await b.clock.advance(1_100)
    expect(b.inflight.calls).toBe(0)
  })

  it('is told to onError when it fails to clean up after a cancellation, and to nobody else', async () => {
    const oops = new Error('oops')
    const b = dispatching({
      rows: async function* () {
        try {
          yield 1
          yield 2
        } finally {
          fail(oops)
        }
      },
    })
    const asked = b.call('rows', 1, { window: 1 })
    expect(await read(asked, 1)).toEqual([1])
    await b.clock.settle()
    asked.exchange.cancel()
    await b.clock.settle()
    expect(b.reports).toMatchObject([{ error: oops, entry: 'rows' }])
    expect(b.inflight.calls).toBe(0)
  })

  it('fires its signal when the session is lost between two items', async () => {
    let signal: AbortSignal | undefined
    const b = dispatching({
      async *rows(_: number, call: Call) {
        signal = call.signal
        for (let i = 0; ; i++) yield i
      },
    })
    b.call('rows', 1, { window: 100 })
    await b.clock.settle()
    b.server.lose(new TautlineError('UNAVAILABLE', 'lost'))
    await b.clock.settle()
    expect(signal?.reason).toMatchObject({ code: 'UNAVAILABLE', message: 'lost' })
    expect(b.inflight.calls).toBe(0)
  })
})

function fail(thrown: unknown): never {
  throw thrown
}
