import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel'
import { contract, procedure, stream, TautlineError, topic } from '@tautline/core'
import { CloseCode, FrameType } from '@tautline/core/wire'
import { afterEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { VirtualClock } from '../../testing/src/clock.ts'
import { type CallTrace, createCaller, type SessionTrace } from '../src/index.ts'
import { Serving } from './support/serving.ts'

const calls = tracingChannel<unknown, CallTrace>('tautline:call')
const undo: (() => void)[] = []

/** What is told of calls from now on. */
function listen() {
  const told: string[] = []
  const traces: CallTrace[] = []
  const tell = (event: string) => (trace: CallTrace) => {
    told.push(`${event} ${trace.entry.path}`)
    traces.push(trace)
  }
  const listeners = {
    start: tell('start'),
    end: tell('end'),
    asyncStart: tell('asyncStart'),
    asyncEnd: tell('asyncEnd'),
    error: tell('error'),
  }
  calls.subscribe(listeners)
  undo.push(() => calls.unsubscribe(listeners))
  return { told, traces }
}

function listenTo(name: string): SessionTrace[] {
  const told: SessionTrace[] = []
  const listener = (trace: unknown) => void told.push(trace as SessionTrace)
  subscribe(name, listener)
  undo.push(() => unsubscribe(name, listener))
  return told
}

afterEach(() => {
  for (const each of undo.splice(0)) each()
})

describe('who listens to tautline:call', () => {
  const shop = contract({
    buy: procedure({ input: z.string(), output: z.string(), errors: { SOLD_OUT: null } }),
    count: stream({ input: z.number(), down: z.number(), result: z.string() }),
    news: topic({ params: z.string(), message: z.string(), publish: z.string() }),
  })
  const span = new AsyncLocalStorage<string>()
  const seen: (string | undefined)[] = []

  function open() {
    const clock = new VirtualClock()
    return createCaller(shop, {
      clock,
      context: undefined,
      handlers: {
        buy: what => {
          seen.push(span.getStore())
          if (what === 'nothing') throw new TautlineError('SOLD_OUT')
          if (what === 'trouble') throw new Error('out of order')
          return what
        },
        async *count(to) {
          for (let n = 1; n <= to; n++) {
            seen.push(span.getStore())
            yield n
          }
          return 'done'
        },
        news: { subscribe: () => undefined, publish: (_, message) => message },
      },
    })
  }

  it('is told of every call, publish and subscription, with what came of it', async () => {
    const { told, traces } = listen()
    const api = open()
    await api.buy('tea', { headers: { traceparent: '00-1' } })
    expect(told).toEqual(['start buy', 'end buy', 'asyncStart buy', 'asyncEnd buy'])
    expect(traces[0]).toMatchObject({ action: 'call', headers: { traceparent: '00-1' }, result: 'tea' })
    expect(traces[0]?.entry).toBe(shop.buy)
    const subscription = api.news('today').subscribe(() => undefined)
    await subscription.ready
    await api.news('today').publish('it rains')
    expect(await api.count(2).result).toBe('done')
    subscription.close()
    const ends = traces.filter((_, i) => told[i]?.startsWith('asyncEnd'))
    expect(ends.map(({ action, entry, error }) => [action, entry.path, error])).toEqual([
      ['call', 'buy', undefined],
      ['subscribe', 'news', undefined],
      ['publish', 'news', undefined],
      ['call', 'count', undefined],
    ])
  })

  it('hears what was thrown, where the caller is told less', async () => {
    const { told, traces } = listen()
    const api = open()
    await expect(api.buy('nothing')).rejects.toMatchObject({ code: 'SOLD_OUT' })
    await expect(api.buy('trouble')).rejects.toMatchObject({ code: 'INTERNAL' })
    const errors = traces.filter((_, i) => told[i]?.startsWith('error')).map(({ error }) => error)
    expect(errors).toMatchObject([{ code: 'SOLD_OUT' }, { message: 'out of order' }])
  })

  it('finds its own store in handlers, also between the items of a stream', async () => {
    calls.start.bindStore(span, ({ entry }) => `span of ${entry.path}`)
    undo.push(() => calls.start.unbindStore(span))
    seen.length = 0
    const api = open()
    await api.buy('tea')
    for await (const _ of api.count(2)) expect(span.getStore()).toBeUndefined()
    expect(seen).toEqual(['span of buy', 'span of count', 'span of count'])
  })

  it('learns that a call was stopped before its handler had settled', async () => {
    const serving = await Serving.start()
    const { traces } = listen()
    const client = await serving.join()
    client.call(1, 'wait', 'x')
    await serving.clock.settle()
    expect(traces.map(({ stopped }) => stopped)).toEqual([undefined, undefined])
    client.send([FrameType.CANCEL, 1])
    await serving.clock.settle()
    expect(traces.at(-1)?.stopped).toMatchObject({ code: 'CANCELLED' })
    expect(traces.at(-1)?.session.id).toBe(client.welcome?.publicId)
    expect(await serving.end()).toBe(0)
  })

  it('is told nothing any more when it has stopped to', async () => {
    const { told } = listen()
    const api = open()
    await api.buy('tea')
    for (const each of undo.splice(0)) each()
    await api.buy('tea')
    expect(told).toHaveLength(4)
  })

  it('is told nothing of what never began', async () => {
    const serving = await Serving.start()
    const { told } = listen()
    const client = await serving.join()
    client.call(1, 'nobody', 'x')
    await serving.clock.settle()
    expect(client.outcome(1)?.[0]).toBe(FrameType.FAIL)
    expect(told).toEqual([])
    expect(await serving.end()).toBe(0)
  })
})

it('who listens to sessions is told when they begin and end, and not their secret', async () => {
  const serving = await Serving.start()
  const [begun, over] = [listenTo('tautline:session:begin'), listenTo('tautline:session:end')]
  const client = await serving.join({ token: 'ada' }, { address: '10.0.0.1' })
  const { publicId, session: secret = '' } = client.welcome ?? {}
  expect(begun).toMatchObject([{ session: { id: publicId, identity: 'ada', address: '10.0.0.1', context: 'ada' } }])
  client.cut()
  await serving.clock.settle()
  await serving.back(client)
  expect([begun.length, over.length]).toEqual([1, 0])
  await serving.server.disconnect({ identity: 'ada' })
  await serving.clock.settle()
  expect(over).toMatchObject([{ session: { id: publicId }, code: CloseCode.EXPIRED }])
  expect(JSON.stringify([begun, over])).not.toContain(secret)
  expect(await serving.end()).toBe(0)
})
