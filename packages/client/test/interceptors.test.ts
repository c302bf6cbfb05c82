import type { ClientInterceptor } from '@tautline/client'
import { TautlineError } from '@tautline/core'
import { type Frame, FrameType } from '@tautline/core/wire'
import { describe, expect, it } from 'vitest'
import { NOTHING, scene, watch } from './support/client.ts'

describe('an interceptor', () => {
  it('wraps every call, stream and publish, the first one outermost, and sees what it is', async () => {
    const seen: string[] = []
    const named =
      (name: string): ClientInterceptor =>
      async (call, next) => {
        seen.push(`${name} ${call.action} ${call.entry.path} ${JSON.stringify(call.input)}`)
        await next()
        seen.push(`${name} over`)
      }
    const { api, server, clock, leftOver } = scene({ interceptors: [named('a'), named('b')] })
    server.handle = ({ exchange }) => exchange.end(null)
    void watch(api.say('x'))
    await clock.settle()
    void watch(api.feed({ room: 'r' }).publish('m'))
    await clock.settle()
    void watch(api.count(3).result)
    await clock.settle()
    expect(seen).toEqual(
      ['call say "x"', 'publish feed {"room":"r"}', 'call count 3'].flatMap(what => [
        `a ${what}`,
        `b ${what}`,
        'b over',
        'a over',
      ]),
    )
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('adds headers', async () => {
    const { api, server, clock, connection } = scene({
      interceptors: [(_, next) => next({ headers: { a: '2', b: '3' } }), (_, next) => next({ headers: { c: '4' } })],
    })
    void watch(api.say('x', { headers: { a: '1', z: '0' } }))
    await clock.settle()
    expect(server.session.asked[0]?.frame[4]).toMatchObject({ headers: { a: '2', b: '3', c: '4', z: '0' } })
    connection.close()
  })

  it('that adds a header that cannot be sent fails the call', async () => {
    const { api, clock, leftOver } = scene({ interceptors: [(_, next) => next({ headers: { a: '\n' } })] })
    const call = watch(api.say('x'))
    await clock.settle()
    expect(call.error).toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(await leftOver()).toEqual(NOTHING)
  })

  it.each<[string, ClientInterceptor, object]>([
    [
      'that throws refuses the call before anything is sent',
      () => {
        throw new TautlineError('PERMISSION_DENIED', 'no')
      },
      { code: 'PERMISSION_DENIED', message: 'no' },
    ],
    ['that forgets next() fails the call', () => 'done', { code: 'INTERNAL' }],
    ['that rejects refuses it too', () => Promise.reject(new Error('mine')), { code: 'INTERNAL' }],
  ])('%s', async (_, interceptor, error) => {
    const { api, server, clock, leftOver } = scene({ interceptors: [interceptor] })
    const call = watch(api.say('x'))
    await clock.settle()
    expect(call.error).toMatchObject(error)
    expect(call.settled).toBe(1)
    expect(server.dials).toHaveLength(0)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('that calls next() twice fails the call, which was sent once', async () => {
    const { api, server, clock, leftOver } = scene({
      interceptors: [async (_, next) => Promise.all([next(), next()])],
    })
    server.handle = ({ exchange }) => exchange.end('ok')
    const call = watch(api.say('x'))
    await clock.settle()
    expect(call.error).toMatchObject({ code: 'INTERNAL' })
    expect(server.dials.length).toBeLessThan(2)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('replaces a failure by throwing another, and does not hide one by catching it', async () => {
    const replaced = scene({
      interceptors: [
        (_, next) =>
          next().catch(() => {
            throw new TautlineError('NOT_FOUND')
          }),
      ],
    })
    const hidden = scene({ interceptors: [(_, next) => next().catch(() => 'fine')] })
    for (const { server } of [replaced, hidden]) {
      server.handle = ({ exchange }) => exchange.fail(new TautlineError('ABORTED'))
    }
    const calls = [watch(replaced.api.say('x')), watch(hidden.api.say('x'))]
    await replaced.clock.settle()
    await hidden.clock.settle()
    expect(calls.map(({ error }) => error?.code)).toEqual(['NOT_FOUND', 'ABORTED'])
    expect(await replaced.leftOver()).toEqual(NOTHING)
    expect(await hidden.leftOver()).toEqual(NOTHING)
  })

  it.each([
    ['before', async () => new Promise(() => undefined)],
    [
      'after',
      async (_: unknown, next: () => Promise<unknown>) => {
        await next()
        await new Promise(() => undefined)
      },
    ],
  ] as [string, ClientInterceptor][])(
    'that hangs %s next() cannot hold the call beyond its deadline',
    async (_, hang) => {
      const { api, server, clock, leftOver } = scene({ interceptors: [hang] })
      server.handle = ({ exchange }) => exchange.end('ok')
      const call = watch(api.say('x', { timeout: 1_000 }))
      await clock.advance(1_020)
      expect(call.error).toMatchObject({ code: 'DEADLINE_EXCEEDED' })
      expect(await leftOver()).toEqual(NOTHING)
    },
  )

  it('that comes too late finds the call over', async () => {
    const { hold, letGo } = holding()
    const { api, server, clock, leftOver } = scene({ interceptors: [hold] })
    const call = watch(api.say('x', { timeout: 1_000 }))
    await clock.advance(1_020)
    letGo()
    await clock.settle()
    expect(call).toMatchObject({ settled: 1, error: { code: 'DEADLINE_EXCEEDED', mayHaveRun: false } })
    expect(server.dials).toHaveLength(0)
    expect(await leftOver()).toEqual(NOTHING)
  })
})

describe('an interceptor of a subscription', () => {
  const letIn = (id: number): Frame => [
    FrameType.SUBSCRIBED,
    id,
    { channel: 'feed', epoch: 'e', offset: 0, head: 0, gap: false },
  ]

  it('wraps it once, whatever becomes of its sockets, and is over when the server has let it in', async () => {
    const seen: string[] = []
    const { api, server, clock, leftOver } = scene({
      interceptors: [
        async ({ action, entry, input }, next) => {
          seen.push(`${action} ${entry.path} ${JSON.stringify(input)}`)
          await next()
          seen.push('let in')
        },
      ],
    })
    const subscription = api.feed({ room: 'r' }).subscribe(() => undefined)
    await clock.settle()
    expect(seen).toEqual(['subscribe feed {"room":"r"}'])
    const ids = () => server.session.frames.map(([type, id]) => [type, id])
    expect(ids()).toEqual([[FrameType.SUBSCRIBE, 1]])
    server.session.peer.send(letIn(1))
    await clock.settle()
    expect(seen).toEqual(['subscribe feed {"room":"r"}', 'let in'])
    server.last.cut()
    await clock.advance(1_000)
    expect(ids()).toEqual([
      [FrameType.SUBSCRIBE, 1],
      [FrameType.SUBSCRIBE, 2],
    ])
    expect(seen).toHaveLength(2)
    subscription.close()
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('asks nothing of the server before next(), also when a socket comes meanwhile', async () => {
    const { hold, letGo } = holding()
    const { api, connection, server, clock, leftOver } = scene({ interceptors: [hold] })
    const subscription = api.feed({ room: 'r' }).subscribe(() => undefined)
    connection.open()
    await clock.settle()
    expect(server.session.frames).toEqual([])
    letGo()
    await clock.settle()
    expect(server.session.frames).toHaveLength(1)
    expect(subscription.state).toBe('pending')
    subscription.close()
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('refuses it by throwing, and nothing is sent', async () => {
    const { api, server, clock, leftOver } = scene({
      interceptors: [
        () => {
          throw new TautlineError('PERMISSION_DENIED', 'no')
        },
      ],
    })
    const errors: string[] = []
    const subscription = api
      .feed({ room: 'r' })
      .subscribe(() => undefined, { onError: ({ code }) => errors.push(code) })
    await expect(subscription.ready).rejects.toMatchObject({ code: 'PERMISSION_DENIED', message: 'no' })
    expect(subscription.state).toBe('closed')
    expect(errors).toEqual(['PERMISSION_DENIED'])
    expect(server.dials).toHaveLength(0)
    await clock.settle()
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('that comes too late finds it closed', async () => {
    const { hold, letGo } = holding()
    const { api, server, clock, leftOver } = scene({ interceptors: [hold] })
    api
      .feed({ room: 'r' })
      .subscribe(() => undefined)
      .close()
    await clock.settle()
    letGo()
    await clock.settle()
    expect(server.dials).toHaveLength(0)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('wraps loops over messages too', async () => {
    const { api, clock, leftOver } = scene({
      interceptors: [
        () => {
          throw new TautlineError('PERMISSION_DENIED')
        },
      ],
    })
    const step = watch(api.feed({ room: 'r' }).messages()[Symbol.asyncIterator]().next())
    await clock.settle()
    expect(step.error).toMatchObject({ code: 'PERMISSION_DENIED' })
    expect(await leftOver()).toEqual(NOTHING)
  })
})

/** An interceptor that holds whatever comes until it is let go. */
function holding(): { readonly hold: ClientInterceptor; readonly letGo: () => void } {
  let letGo: () => void = () => undefined
  const gone = new Promise<void>(resolve => {
    letGo = resolve
  })
  const hold: ClientInterceptor = async (_, next) => {
    await gone
    await next()
  }
  return { hold, letGo }
}
