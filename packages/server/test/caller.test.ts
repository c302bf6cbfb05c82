import { contract, type Handlers, type Interceptor, procedure, stream, TautlineError, topic } from '@tautline/core'
import { describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { VirtualClock } from '../../testing/src/clock.ts'
import { createCaller } from '../src/caller.ts'
import { memory } from '../src/memory.ts'

const Room = z.object({ room: z.string() })

const chat = contract({
  rooms: {
    post: procedure({
      input: Room.extend({ text: z.string().transform(text => text.length) }),
      output: z.object({ author: z.string(), length: z.number() }),
      errors: { CLOSED: z.object({ until: z.date() }) },
    }),
    wait: procedure({}),
    rows: stream({ input: z.number(), down: z.number(), result: z.object({ count: z.number() }) }),
    upload: stream({ up: z.string(), down: z.number(), result: z.number() }),
    sum: stream({ up: z.number(), result: z.number() }),
    linger: stream({ up: z.number(), result: z.number() }),
    feed: topic({
      params: Room,
      message: z.object({ author: z.string(), text: z.string() }),
      publish: z.object({ text: z.string() }),
      presence: z.object({ name: z.string() }),
      retain: { count: 100 },
    }),
    latest: topic({
      params: Room,
      message: z.object({ who: z.string(), x: z.number() }),
      publish: z.object({ x: z.number() }),
      retain: { latestBy: message => message.who },
    }),
    live: topic({ params: Room, message: z.number() }),
  },
})

type Context = { readonly name: string }

const seen: { signal?: AbortSignal; made: number; left: boolean; headers?: object } = { made: 0, left: false }

const handlers: Handlers<typeof chat, Context> = {
  rooms: {
    async post({ room, text }, { context, error, publish, headers }) {
      seen.headers = headers
      if (room === 'closed') throw error('CLOSED', { until: new Date(0) })
      if (room === 'broken') throw new Error('db password=hunter2')
      await publish(chat.rooms.feed, { room }, { author: context.name, text: 'posted' })
      return { author: context.name, length: text, secret: 'x' }
    },
    wait: (_, { signal }) =>
      new Promise((_, reject) => {
        seen.signal = signal
        signal.addEventListener('abort', () => reject(signal.reason))
      }),
    async *rows(count) {
      seen.made = 0
      seen.left = false
      try {
        for (; seen.made < count; ) yield seen.made++
        return { count }
      } finally {
        seen.left = true
      }
    },
    async *upload(_, { up }) {
      let length = 0
      for await (const chunk of up) {
        length += chunk.length
        yield length
      }
      return length
    },
    async sum(_, { up }) {
      let sum = 0
      try {
        for await (const n of up) {
          if (n < 0) break
          sum += n
        }
      } finally {
        seen.left = true
      }
      return sum
    },
    async linger(_, { up, signal }) {
      let first = 0
      for await (const n of up) {
        first = n
        break
      }
      await new Promise(resolve => signal.addEventListener('abort', resolve))
      return first
    },
    feed: {
      subscribe({ room }, { error }) {
        if (room === 'closed') throw error('PERMISSION_DENIED', 'members only')
      },
      publish: (_, { text }, { context }) => ({ author: context.name, text }),
      presence: (_, { context }) => ({ name: context.name }),
    },
    latest: { subscribe: () => undefined, publish: (_, { x }, { context }) => ({ who: context.name, x }) },
    live: { subscribe: () => undefined },
  },
}

function calling(options: { interceptors?: readonly Interceptor<Context>[]; onError?: (error: unknown) => void } = {}) {
  const clock = new VirtualClock()
  const broker = memory({ clock })
  const as = (name: string) =>
    createCaller(chat, { handlers, context: { name }, identity: name, broker, clock, ...options })
  return { clock, broker, as, api: as('ada') }
}

const lobby = { room: 'lobby' }

describe('a procedure called in its own process', () => {
  it('is validated both ways, intercepted, and runs the same handler', async () => {
    const actions: unknown[] = []
    const log: Interceptor<Context> = (call, next) => {
      actions.push([call.action, call.entry.path])
      return next()
    }
    const { api } = calling({ interceptors: [log] })
    expect(await api.rooms.post({ room: 'lobby', text: 'four' }, { headers: { trace: 'x' } })).toEqual({
      author: 'ada',
      length: 4,
    })
    expect(actions).toEqual([['call', 'rooms.post']])
    expect({ ...seen.headers }).toEqual({ trace: 'x' })
    await expect(api.rooms.post({ room: 1, text: 'x' } as never)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      issues: [{ path: ['room'] }],
    })
  })

  it('fails as it does for a client, and tells this process the cause', async () => {
    const { api } = calling()
    await expect(api.rooms.post({ room: 'closed', text: '' })).rejects.toMatchObject({
      code: 'CLOSED',
      data: { until: new Date(0) },
    })
    const broken = api.rooms.post({ room: 'broken', text: '' })
    await expect(broken).rejects.toMatchObject({
      code: 'INTERNAL',
      message: 'internal',
      incident: expect.any(String),
    })
    await expect(broken).rejects.toMatchObject({ cause: { message: 'db password=hunter2' } })
  })

  it('is cancelled by its signal, before and while it runs, and forgets the signal', async () => {
    const { api } = calling()
    const control = new AbortController()
    const remove = vi.spyOn(control.signal, 'removeEventListener')
    const waiting = api.rooms.wait(undefined, { signal: control.signal })
    control.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED', mayHaveRun: true })
    expect(seen.signal?.aborted).toBe(true)
    expect(remove).toHaveBeenCalledOnce()
    await expect(api.rooms.wait(undefined, { signal: control.signal })).rejects.toMatchObject({
      code: 'CANCELLED',
      mayHaveRun: false,
    })
  })

  it('has its deadline, and refuses options that a server would', async () => {
    const { api, clock } = calling()
    const late = expect(api.rooms.wait(undefined, { timeout: 500 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    })
    const never = expect(api.rooms.wait()).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    await clock.advance(600)
    await late
    await clock.advance(30_000)
    await never
    await expect(api.rooms.wait(undefined, { timeout: 0 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(api.rooms.wait(undefined, { headers: { 'a b': 'x' } })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
  })

  it('runs once with a key', async () => {
    const { api, as } = calling()
    const post = { room: 'lobby', text: 'hi' }
    await Promise.all([api.rooms.post(post, { idempotencyKey: 'k' }), api.rooms.post(post, { idempotencyKey: 'k' })])
    const messages: unknown[] = []
    for await (const message of as('bob').rooms.feed(lobby).messages({ rewind: 10 })) {
      messages.push(message)
      break
    }
    expect(messages).toHaveLength(1)
  })
})

describe('a stream called in its own process', () => {
  it('is read as a client reads it, with its result', async () => {
    const { api } = calling()
    const rows = api.rooms.rows(3)
    const items: number[] = []
    for await (const row of rows) items.push(row)
    expect(items).toEqual([0, 1, 2])
    expect(await rows.result).toEqual({ count: 3 })
  })

  it('makes an item when it is asked for, and is left with its loop', async () => {
    const { api, clock } = calling()
    for await (const row of api.rooms.rows(1_000_000)) if (row === 9) break
    await clock.settle()
    expect([seen.made, seen.left]).toEqual([10, true])
  })

  it('starts with the first next(), or with its result, whose items are then gone', async () => {
    const { api, clock } = calling()
    seen.made = -1
    const rows = api.rooms.rows(5)
    await clock.settle()
    expect(seen.made).toBe(-1)
    expect(await rows.result).toEqual({ count: 5 })
    expect(() => rows[Symbol.asyncIterator]()).toThrow('gone')
    const read = api.rooms.rows(1)
    void read.result
    expect(await read[Symbol.asyncIterator]().next()).toEqual({ done: false, value: 0 })
    expect(() => read[Symbol.asyncIterator]()).toThrow('once')
  })

  it('fails its loop and its result, once, and never as an unhandled rejection', async () => {
    const { api } = calling()
    const rows = api.rooms.rows('x' as never)
    const loop = rows[Symbol.asyncIterator]()
    await expect(loop.next()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(await loop.next()).toEqual({ done: true, value: undefined })
    await expect(rows.result).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  it('takes items up from iterables, async iterables and readable streams', async () => {
    const { api } = calling()
    async function* numbers() {
      yield 1
      yield 2
    }
    const readable = new ReadableStream<number>({
      start(controller) {
        for (const n of [3, 4]) controller.enqueue(n)
        controller.close()
      },
    })
    expect(await api.rooms.sum(undefined, { up: [1, 2, 3] })).toBe(6)
    expect(await api.rooms.sum(undefined, { up: numbers() })).toBe(3)
    expect(await api.rooms.sum(undefined, { up: readable as never })).toBe(7)
    await expect(api.rooms.sum(undefined, { up: 7 as never })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(api.rooms.sum(undefined, { up: ['x'] as never })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    const progress: number[] = []
    for await (const received of api.rooms.upload(undefined, { up: ['ab', 'c'] })) progress.push(received)
    expect(progress).toEqual([2, 3])
  })

  it('closes the source of items up when its handler has had enough, or it is cancelled', async () => {
    const { api, clock } = calling()
    const left = vi.fn()
    async function* numbers(last: number) {
      try {
        yield 1
        yield last
        await new Promise(() => undefined)
      } finally {
        left()
      }
    }
    expect(await api.rooms.sum(undefined, { up: numbers(-1) })).toBe(1)
    await clock.settle()
    expect(left).toHaveBeenCalledOnce()
    const control = new AbortController()
    const waiting = api.rooms.sum(undefined, { up: numbers(1), signal: control.signal })
    await clock.settle()
    control.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  it('closes the source at once when its handler leaves the loop, and lets a handler go that waits for an item', async () => {
    const { api, clock } = calling()
    const source = {
      next: () => new Promise<never>(() => undefined),
      return: vi.fn(async () => ({ done: true, value: undefined })),
    }
    const up = { [Symbol.asyncIterator]: () => source } as unknown as AsyncIterable<number>
    const control = new AbortController()
    const waiting = api.rooms.sum(undefined, { up, signal: control.signal })
    await clock.settle()
    seen.left = false
    control.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' })
    await clock.settle()
    expect([seen.left, source.return.mock.calls.length]).toEqual([true, 1])
    const early = vi.fn()
    async function* numbers() {
      try {
        yield -1
        yield 1
      } finally {
        early()
      }
    }
    const lingering = expect(api.rooms.linger(undefined, { up: numbers(), timeout: 500 })).rejects.toThrow()
    await clock.settle()
    expect(early).toHaveBeenCalledOnce()
    await clock.advance(1_000)
    await lingering
  })

  it('fails with what its source of items up failed with', async () => {
    const { api } = calling()
    async function* numbers() {
      yield 1
      throw new Error('disk full')
    }
    await expect(api.rooms.sum(undefined, { up: numbers() })).rejects.toMatchObject({
      code: 'INTERNAL',
      cause: { message: 'disk full' },
    })
  })
})

describe('a topic used in its own process', () => {
  it('is published on through its handler, and read by others from where they ask', async () => {
    const { as } = calling()
    const feed = as('ada').rooms.feed(lobby)
    const position = await feed.publish({ text: 'one' })
    await feed.publish({ text: 'two' })
    const messages: unknown[] = []
    for await (const message of as('bob').rooms.feed(lobby).messages({ since: position })) {
      messages.push(message)
      break
    }
    expect(messages).toEqual([{ author: 'ada', text: 'two' }])
    await expect(feed.publish({ text: 'x' }, { timeout: Number.NaN })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    await expect(feed.publish({ text: 'x' }, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'CANCELLED',
    })
    await expect(feed.publish({ text: 1 } as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  it('tells a listener in order, with its position and state, until it is closed', async () => {
    const { as, clock } = calling()
    const feed = as('ada').rooms.feed(lobby)
    await feed.publish({ text: 'one' })
    const heard: string[] = []
    const subscription = as('bob')
      .rooms.feed(lobby)
      .subscribe(({ text }) => heard.push(text), { rewind: 10 })
    expect(subscription.state).toBe('pending')
    await subscription.ready
    await clock.settle()
    expect([heard, subscription.state]).toEqual([['one'], 'live'])
    const position = await feed.publish({ text: 'two' })
    await clock.settle()
    expect([heard, subscription.position]).toEqual([['one', 'two'], position])
    subscription.close()
    await feed.publish({ text: 'three' })
    await clock.settle()
    expect([heard.length, subscription.state]).toEqual([2, 'closed'])
  })

  it('is refused by its handler, to a loop and to a listener', async () => {
    const onError = vi.fn()
    const { api, clock } = calling({ onError })
    const closed = api.rooms.feed({ room: 'closed' })
    await expect(closed[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
    const refused = vi.fn()
    const subscription = closed.subscribe(() => undefined, { onError: refused })
    await expect(subscription.ready).rejects.toThrow('members only')
    expect(refused).toHaveBeenCalledOnce()
    closed.subscribe(() => undefined)
    await clock.settle()
    expect(onError).toHaveBeenCalledOnce()
  })

  it('says that messages are lost: a loop ends, a listener is told first', async () => {
    const { api, clock } = calling()
    const feed = api.rooms.feed(lobby)
    await feed.publish({ text: 'one' })
    await expect(feed.messages({ since: '1.another' })[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'DATA_LOSS',
    })
    const told: unknown[] = []
    feed.subscribe(({ text }) => told.push(text), { since: '1.another', onGap: gap => told.push(gap.after) })
    await clock.settle()
    expect(told).toEqual(['1.another', 'one'])
    for (const options of [{ since: 'nonsense' }, { rewind: -1 }, { rewind: Number.NaN }]) {
      await expect(
        feed.subscribe(() => undefined, { ...options, onError: () => undefined }).ready,
      ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
  })

  it('gives a slow loop every message of a log, and keeps little of them waiting', async () => {
    const { api, clock } = calling()
    const feed = api.rooms.feed(lobby)
    const loop = feed.messages({ rewind: 0 })[Symbol.asyncIterator]()
    const first = loop.next()
    await clock.settle()
    for (let i = 0; i < 90; i++) await feed.publish({ text: String(i) })
    await clock.settle()
    const texts = [((await first).value as { text: string }).text]
    while (texts.length < 90) texts.push(((await loop.next()).value as { text: string }).text)
    expect(texts).toEqual(Array.from({ length: 90 }, (_, i) => String(i)))
    await loop.return?.()
  })

  it('ends a loop that waits when it is left from outside, or its signal fires', async () => {
    const { api, clock } = calling()
    const loop = api.rooms.live(lobby)[Symbol.asyncIterator]()
    const waiting = loop.next()
    await clock.settle()
    await loop.return?.()
    expect(await waiting).toEqual({ done: true, value: undefined })
    const control = new AbortController()
    const other = api.rooms.live(lobby).messages({ signal: control.signal })[Symbol.asyncIterator]().next()
    await clock.settle()
    control.abort()
    expect(await other).toEqual({ done: true, value: undefined })
  })

  it('survives listeners that throw, and tells onError', async () => {
    const onError = vi.fn()
    const { api, clock } = calling({ onError })
    const feed = api.rooms.feed(lobby)
    const heard: string[] = []
    feed.subscribe(({ text }) => {
      heard.push(text)
      throw new Error('x')
    })
    await clock.settle()
    await feed.publish({ text: 'one' })
    await feed.publish({ text: 'two' })
    await clock.settle()
    expect([heard, onError.mock.calls.length]).toEqual([['one', 'two'], 2])
  })

  it('keeps the newest of every key, and tells what is retracted', async () => {
    const { as, clock } = calling()
    for (const x of [1, 2]) await as('ada').rooms.latest(lobby).publish({ x })
    await as('bob').rooms.latest(lobby).publish({ x: 3 })
    const heard: unknown[] = []
    as('eve')
      .rooms.latest(lobby)
      .subscribe(message => heard.push(message))
    await clock.settle()
    expect(heard).toEqual([
      { who: 'ada', x: 2 },
      { who: 'bob', x: 3 },
    ])
  })

  it('shows who is there, and who has left', async () => {
    const { as, clock } = calling()
    const seen: unknown[][] = []
    as('eve')
      .rooms.feed(lobby)
      .presence.subscribe((members, { count }) => seen.push([count, members.map(({ name }) => name).sort()]))
    await clock.settle()
    const ada = as('ada')
      .rooms.feed(lobby)
      .subscribe(() => undefined)
    as('bob')
      .rooms.feed(lobby)
      .subscribe(() => undefined)
    await clock.advance(2_000)
    ada.close()
    await clock.advance(2_000)
    expect(seen[0]).toEqual([0, []])
    expect(seen.at(-1)).toEqual([1, ['bob']])
    expect(seen).toContainEqual([2, ['ada', 'bob']])
  })
})

it('a caller for tests is refused handlers that are missing', () => {
  expect(() => createCaller(chat, { handlers: { rooms: {} } as never, context: { name: 'ada' } })).toThrow(
    'rooms.post is missing',
  )
})

it('an un-awaited call rejects like any promise', async () => {
  const unhandled = vi.fn()
  process.once('unhandledRejection', unhandled)
  const before = process.listeners('unhandledRejection').filter(listener => listener !== unhandled)
  for (const listener of before) process.off('unhandledRejection', listener as never)
  void calling().api.rooms.post({ room: 'closed', text: '' })
  await new Promise(resolve => setTimeout(resolve, 20))
  for (const listener of before) process.on('unhandledRejection', listener as never)
  process.off('unhandledRejection', unhandled)
  expect(unhandled.mock.calls[0]?.[0]).toBeInstanceOf(TautlineError)
})
