import { queue } from '@tautline/client'
import { TautlineError } from '@tautline/core'
import type { Exchange } from '@tautline/core/wire'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NOTHING, type Scene, scene, watch } from './support/client.ts'
import { LIMITS } from './support/fake-server.ts'

const anyway = <T>(value: T): never => value as never

/** Sends the items as fast as the client takes them, then ends. */
function pours(items: Iterable<unknown>, result?: unknown) {
  return ({ exchange }: { exchange: Exchange }) => {
    void exchange
      .pump(items[Symbol.iterator]() as Iterator<unknown, unknown, undefined>)
      .then(() => exchange.end(result))
  }
}

const unhandled: unknown[] = []
const onUnhandled = (error: unknown) => unhandled.push(error)
beforeEach(() => {
  unhandled.length = 0
  process.on('unhandledRejection', onUnhandled)
})
afterEach(() => {
  process.off('unhandledRejection', onUnhandled)
  expect(unhandled).toEqual([])
})

async function read(items: AsyncIterable<unknown>, into: unknown[] = []): Promise<unknown[]> {
  for await (const item of items) into.push(item)
  return into
}

describe('a stream of items down', () => {
  it('starts with the first next(), and not before', async () => {
    const { api, server, clock, leftOver } = scene()
    server.handle = pours([1, 2, 3], 'three')
    const rows = api.count(3)
    const iterator = rows[Symbol.asyncIterator]()
    await clock.settle()
    expect(server.dials).toHaveLength(0)
    const steps = watch(
      Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next(), iterator.next()]),
    )
    await clock.settle()
    expect(steps.value).toEqual([
      { done: false, value: 1 },
      { done: false, value: 2 },
      { done: false, value: 3 },
      { done: true, value: 'three' },
      { done: true, value: undefined },
    ])
    expect(await rows.result).toBe('three')
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('is read as a loop, then has its result', async () => {
    const { api, server, clock, leftOver } = scene()
    server.handle = pours([1, 2, 3], 'three')
    const rows = api.count(3)
    const items = watch(read(rows))
    await clock.settle()
    expect(items.value).toEqual([1, 2, 3])
    expect(await rows.result).toBe('three')
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('has no deadline of its own, but one when told', async () => {
    const { api, server, clock, connection } = scene()
    const forever = watch(read(api.count(1)))
    const short = watch(read(api.count(1, { timeout: 1_000 })))
    await clock.advance(120_000)
    expect(server.session.asked[0]?.frame[4]).not.toHaveProperty('timeoutMs', expect.any(Number))
    expect(forever.settled).toBe(0)
    expect(short.error).toMatchObject({ code: 'DEADLINE_EXCEEDED', mayHaveRun: true })
    connection.close()
  })

  it('cancels the handler when its loop is left', async () => {
    const { api, server, clock, leftOver } = scene()
    server.handle = ({ exchange }) => {
      void exchange.pump(naturals())
    }
    const rows = api.count(1)
    const seen: number[] = []
    const loop = watch(
      (async () => {
        for await (const row of rows) {
          seen.push(row)
          if (seen.length === 3) break
        }
      })(),
    )
    await clock.settle()
    expect(loop.settled).toBe(1)
    expect(seen).toEqual([0, 1, 2])
    expect(server.session.peer.exchanges).toBe(0)
    await expect(rows.result).rejects.toMatchObject({ code: 'CANCELLED', mayHaveRun: true })
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('takes little more than a window from a handler that could send for ever, and the rest as it is read', async () => {
    const { api, server, clock, connection } = scene({ limits: { window: 1_000 } })
    let produced = 0
    server.handle = ({ exchange }) => {
      void exchange.pump(naturals(() => (produced += 1)))
    }
    const rows = api.count(1)[Symbol.asyncIterator]()
    const first = watch(rows.next())
    await clock.settle()
    expect(first.value).toEqual({ done: false, value: 0 })
    expect(produced * 4).toBeLessThan(1_100)
    const before = produced
    for (let i = 0; i < 200; i++) await Promise.all([rows.next(), clock.settle()])
    expect(produced).toBeGreaterThan(before)
    expect(produced - 200).toBeLessThan(before + 10)
    connection.close()
  })

  it('asks for the window that it was given, when it is not the usual one', async () => {
    const { api, server, clock, connection } = scene({ limits: { window: 5_000 } })
    void watch(read(api.count(1)))
    await clock.settle()
    expect(server.session.asked[0]?.frame[4]).toMatchObject({ window: 5_000 })
    connection.close()
  })

  it('hands over what had arrived, then the failure', async () => {
    const { api, server, clock, leftOver } = scene()
    server.handle = ({ exchange }) => {
      void exchange.pump([1, 2][Symbol.iterator]()).then(() => exchange.fail(new TautlineError('DATA_LOSS', 'no more')))
    }
    const rows = api.count(1)
    const items: unknown[] = []
    const loop = watch(read(rows, items))
    await clock.settle()
    expect(items).toEqual([1, 2])
    expect(loop.error).toMatchObject({ code: 'DATA_LOSS', message: 'no more' })
    await expect(rows.result).rejects.toMatchObject({ code: 'DATA_LOSS' })
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('ends at once when its signal fires, whatever had arrived', async () => {
    const { api, server, clock, leftOver } = scene()
    const controller = new AbortController()
    server.handle = pours(naturals())
    const rows = api.count(1, { signal: controller.signal })[Symbol.asyncIterator]()
    await Promise.all([rows.next(), clock.settle()])
    controller.abort()
    const next = watch(rows.next())
    await clock.settle()
    expect(next.error).toMatchObject({ code: 'CANCELLED', mayHaveRun: true })
    expect(server.session.peer.exchanges).toBe(0)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('resolves a next() that waits when its loop is left from elsewhere', async () => {
    const { api, clock, leftOver } = scene()
    const rows = api.count(1)[Symbol.asyncIterator]()
    const next = watch(rows.next())
    await clock.settle()
    await rows.return?.()
    await clock.settle()
    expect(next.value).toEqual({ done: true, value: undefined })
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('can be read once', async () => {
    const { api, server, clock, connection } = scene()
    server.handle = pours([1], 'one')
    const rows = api.count(1)
    await Promise.all([read(rows), clock.settle()])
    expect(() => rows[Symbol.asyncIterator]()).toThrow(/once/)
    connection.close()
  })

  it('refuses an input that does not fit when it is started', async () => {
    const { api, server, clock } = scene()
    const rows = api.count(anyway('one'))
    const loop = watch(read(rows))
    await clock.settle()
    expect(loop.error).toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(server.dials).toHaveLength(0)
  })
})

describe('the result of a stream', () => {
  it('starts it, and has the items discarded when nobody reads them', async () => {
    const { api, server, clock, leftOver } = scene({ limits: { window: 1_000 } })
    server.handle = pours(Array(5_000).fill('x'), 'all')
    const result = watch(api.count(1).result)
    await clock.settle()
    expect(result.value).toBe('all')
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('may be taken before the loop begins, in the same tick', async () => {
    const { api, server, clock, connection } = scene()
    server.handle = pours([1, 2], 'two')
    const rows = api.count(2)
    const result = watch(rows.result)
    const items = watch(read(rows))
    await clock.settle()
    expect(items.value).toEqual([1, 2])
    expect(result.value).toBe('two')
    connection.close()
  })

  it('says so when somebody comes to read what is discarded', async () => {
    const { api, server, clock, connection } = scene()
    server.handle = pours([1], 'one')
    const rows = api.count(1)
    await Promise.all([rows.result, clock.settle()])
    expect(() => rows[Symbol.asyncIterator]()).toThrow(/gone/)
    connection.close()
  })

  it('never rejects unhandled', async () => {
    const { api, server, clock, leftOver } = scene()
    server.handle = ({ exchange }) => exchange.fail(new TautlineError('NOT_FOUND'))
    void api.count(1).result
    void api
      .count(1)
      [Symbol.asyncIterator]()
      .next()
      .catch(() => undefined)
    await clock.settle()
    expect(await leftOver()).toEqual(NOTHING)
  })
})

describe('a stream of items up', () => {
  it('is awaited when nothing comes down, and starts at once', async () => {
    const { api, server, clock, leftOver } = scene()
    server.handle = sums
    const sum = watch(api.sum(undefined, { up: [1, 2, 3] }))
    await clock.settle()
    expect(sum.value).toBe(6)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it.each<[string, () => never]>([
    ['an iterable', () => anyway(new Set([1, 2, 3]))],
    [
      'an async iterable',
      () =>
        anyway(
          (async function* () {
            yield* [1, 2, 3]
          })(),
        ),
    ],
    ['a ReadableStream', () => anyway(readable([1, 2, 3]))],
    [
      'a ReadableStream that cannot be iterated',
      () => {
        const stream = readable([1, 2, 3])
        return anyway({ getReader: () => stream.getReader() })
      },
    ],
  ])('comes from %s', async (_, up) => {
    const { api, server, clock, connection } = scene()
    server.handle = sums
    const sum = watch(api.sum(undefined, { up: up() }))
    await clock.settle()
    expect(sum.value).toBe(6)
    connection.close()
  })

  it('refuses what items cannot come from', async () => {
    const { api, server, clock } = scene()
    const sum = watch(api.sum(undefined, anyway({ up: 12 })))
    const none = watch(api.sum(undefined, anyway({})))
    await clock.settle()
    expect(sum.error).toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(none.error).toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(server.dials).toHaveLength(0)
  })

  it('pulls its source only as fast as the server takes items, and leaves it when the stream ends', async () => {
    const { api, server, clock, leftOver } = scene()
    server.welcome = { limits: { ...LIMITS, window: 1_000 } }
    let pulled = 0
    let left = false
    const up = (function* () {
      try {
        for (;;) {
          pulled += 1
          yield pulled
        }
      } finally {
        left = true
      }
    })()
    server.handle = ({ exchange }) => void exchange.items.length
    const sum = watch(api.sum(undefined, { up }))
    await clock.settle()
    expect(pulled).toBeGreaterThan(100)
    expect(pulled).toBeLessThan(300)
    server.session.asked[0]?.exchange.end(0)
    await clock.settle()
    expect(sum.value).toBe(0)
    expect(left).toBe(true)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('leaves a source that is in the middle of an item', async () => {
    const { api, server, clock, leftOver } = scene()
    const source = queue<number>()
    const sum = watch(api.sum(undefined, { up: source }))
    await clock.settle()
    server.session.asked[0]?.exchange.end(7)
    await clock.settle()
    expect(sum.value).toBe(7)
    expect(await source.push(1)).toBe(false)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('fails with INVALID_ARGUMENT and is cancelled when an item does not fit', async () => {
    const { api, server, clock, leftOver } = scene()
    server.handle = sums
    const sum = watch(api.sum(undefined, { up: [1, anyway('two'), 3] }))
    await clock.settle()
    expect(sum.error).toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(server.session.peer.exchanges).toBe(0)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('fails with RESOURCE_EXHAUSTED when an item is larger than the server takes', async () => {
    const { api, server, clock, leftOver } = scene()
    const echo = watch(read(api.echo(undefined, { up: ['x'.repeat(1_048_577)] })))
    await clock.settle()
    expect(echo.error).toMatchObject({ code: 'RESOURCE_EXHAUSTED' })
    expect(server.session.peer.exchanges).toBe(0)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('fails with what its source threw, and tells the handler', async () => {
    const { api, server, clock, leftOver } = scene()
    let heard: unknown
    server.handle = ({ exchange }) => {
      void (async () => {
        try {
          for await (const _ of exchange.items);
        } catch (error) {
          heard = error
        }
      })()
    }
    const cause = new Error('the disk is gone, and here is its password')
    const sum = watch(
      api.sum(undefined, {
        up: (function* () {
          yield 1
          throw cause
        })(),
      }),
    )
    await clock.settle()
    expect(sum.error).toMatchObject({ code: 'INTERNAL', cause })
    expect(heard).toMatchObject({ code: 'INTERNAL', message: 'internal' })
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('goes both ways at once', async () => {
    const { api, server, clock, leftOver } = scene()
    server.handle = ({ exchange }) => {
      void exchange.pump(exchange.items).then(() => exchange.end(2))
    }
    const source = queue<string>()
    const echo = api.echo(undefined, { up: source })
    const items: unknown[] = []
    const loop = watch(read(echo, items))
    await source.push('a')
    await clock.settle()
    expect(items).toEqual(['a'])
    await source.push('b')
    source.end()
    await clock.settle()
    expect(items).toEqual(['a', 'b'])
    expect(loop.settled).toBe(1)
    expect(await echo.result).toBe(2)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('leaves its source when it never left itself', async () => {
    const { api, server, clock, leftOver } = scene()
    server.greet = () => undefined
    const source = queue<number>()
    const sum = watch(api.sum(undefined, { up: source, timeout: 1_000 }))
    await clock.advance(1_020)
    expect(sum.error).toMatchObject({ code: 'DEADLINE_EXCEEDED', mayHaveRun: false })
    expect(await source.push(1)).toBe(false)
    expect(await leftOver()).toEqual(NOTHING)
  })
})

function sums({ exchange }: Parameters<Scene['server']['handle']>[0]): void {
  void (async () => {
    let sum = 0
    try {
      for await (const item of exchange.items) sum += Number(item)
      exchange.end(sum)
    } catch {
      // The caller left.
    }
  })()
}

function* naturals(onPull: () => void = () => undefined): Generator<number, undefined, undefined> {
  for (let n = 0; ; n++) {
    onPull()
    yield n
  }
}

function readable<T>(items: T[]): ReadableStream<T> {
  const rest = [...items]
  return new ReadableStream<T>({
    pull(controller) {
      const next = rest.shift()
      if (next === undefined) controller.close()
      else controller.enqueue(next)
    },
  })
}
