import { type Call, channelOf, contract, TautlineError, topic } from '@tautline/core'
import { afterEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { Dispatching, type Options, settled } from './support/dispatching.ts'

const Room = z.object({ room: z.string().transform(room => room.toLowerCase()) })

const api = contract({
  rooms: {
    feed: topic({
      params: Room,
      message: z.string(),
      publish: z.object({ text: z.string().transform(text => text.length) }),
      // A union shows nobody its fields.
      presence: z.union([z.object({ name: z.string() }), z.object({ id: z.string() })]),
    }),
    quiet: topic({ params: Room, message: z.string() }),
  },
})

const never = (): Promise<never> => new Promise(() => undefined)
const feed = {
  subscribe: (): unknown => undefined,
  publish: (_: unknown, { text }: { text: number }) => `${text}`,
  presence: () => ({ name: 'ada', secret: 'x' }),
}

let bench: Dispatching | undefined

function dispatching(handlers: Partial<Record<keyof typeof feed, unknown>> = {}, options: Options = {}): Dispatching {
  bench = new Dispatching(
    api,
    { rooms: { feed: { ...feed, ...handlers }, quiet: { subscribe: () => undefined } } },
    options,
  )
  return bench
}

function admit(
  b: Dispatching,
  path = 'rooms.feed',
  params: unknown = { room: 'A' },
  signal = new AbortController().signal,
) {
  return b.dispatcher.admit(b.caller, path, params, signal)
}

afterEach(async () => {
  await bench?.close()
  bench = undefined
})

describe('a subscriber', () => {
  it('is let in by its topic, to the channel of the parsed params, as the member that the server says', async () => {
    const b = dispatching()
    const admission = await admit(b)
    expect(admission).toMatchObject({ topic: api.rooms.feed, presence: false, params: { room: 'a' } })
    expect(admission.channel).toBe(channelOf('rooms.feed', { room: 'a' }))
    expect(await admission.member?.()).toEqual({ name: 'ada' })
    expect(b.inflight.calls).toBe(0)
  })

  it('is no member where the topic has no presence, or when it only looks on', async () => {
    const presence = vi.fn(() => ({ name: 'ada' }))
    const b = dispatching({ presence })
    expect((await admit(b, 'rooms.quiet')).member).toBeUndefined()
    const onlooker = await admit(b, 'rooms.feed@presence')
    expect(onlooker).toMatchObject({ presence: true, channel: channelOf('rooms.feed@presence', { room: 'a' }) })
    expect(onlooker.member).toBeUndefined()
    expect(presence).not.toHaveBeenCalled()
  })

  it.each(['rooms.feed', 'rooms.feed@presence'])('is refused by what the same handler throws: %s', async path => {
    const b = dispatching({
      subscribe: async () => {
        throw new TautlineError('PERMISSION_DENIED', 'members only')
      },
    })
    await expect(admit(b, path)).rejects.toMatchObject({ code: 'PERMISSION_DENIED', message: 'members only' })
    expect(b.dispatcher.calls).toEqual({ 'rooms.feed': { PERMISSION_DENIED: 1 } })
  })

  it.each(['nope', 'rooms', 'rooms.quiet@presence', 'nope@presence', '@presence', 'toString'])(
    'finds nothing where there is no topic, or no presence: %s',
    async path => {
      await expect(admit(dispatching(), path)).rejects.toMatchObject({ code: 'UNIMPLEMENTED' })
    },
  )

  it('is refused for params that do not fit', async () => {
    const subscribe = vi.fn()
    await expect(admit(dispatching({ subscribe }), 'rooms.feed', { room: 1 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    expect(subscribe).not.toHaveBeenCalled()
  })

  it.each([
    [
      'subscribe throws null',
      {
        subscribe: () => {
          throw null
        },
      },
    ],
    [
      'presence throws',
      {
        presence: () => {
          throw new Error('x')
        },
      },
    ],
    ['presence returns the wrong shape', { presence: () => ({ name: 1 }) }],
    ['presence returns an id where that of the session stands', { presence: () => ({ id: 'ada' }) }],
  ])('is refused with an incident when %s', async (_, handlers) => {
    const b = dispatching(handlers)
    await expect(admit(b)).rejects.toMatchObject({ code: 'INTERNAL', incident: expect.any(String) })
    expect(b.reports).toHaveLength(1)
  })

  it('is refused after 30 s when its handler does not decide', async () => {
    let call: Call | undefined
    const b = dispatching({
      subscribe: (_: unknown, given: Call) => {
        call = given
        return never()
      },
    })
    const refused = expect(admit(b)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    await b.clock.advance(30_100)
    await refused
    expect(call?.signal.aborted).toBe(true)
    await b.clock.advance(60_000)
  })

  it.each(['before', 'while'])(
    'that has lost interest %s it is decided is told so, and so is the handler',
    async when => {
      let call: Call | undefined
      const b = dispatching({
        subscribe: (_: unknown, given: Call) => {
          call = given
          return never()
        },
      })
      const interest = new AbortController()
      if (when === 'before') interest.abort()
      const refused = expect(admit(b, 'rooms.feed', { room: 'a' }, interest.signal)).rejects.toMatchObject({
        code: 'CANCELLED',
      })
      await b.clock.settle()
      interest.abort()
      await refused
      expect(call?.signal.aborted ?? true).toBe(true)
      await b.clock.advance(60_100)
    },
  )
})

it('an admission forgets the signal that it was given', async () => {
  const { signal } = new AbortController()
  const remove = vi.spyOn(signal, 'removeEventListener')
  await admit(dispatching(), 'rooms.feed', { room: 'a' }, signal)
  expect(remove).toHaveBeenCalledOnce()
})

describe('a publish', () => {
  it('is made into a message by its handler, and answered with its position', async () => {
    const b = dispatching()
    expect(await settled(b.publish('rooms.feed', { room: 'A' }, { text: 'four' }), b.clock)).toEqual({
      value: ['e', 1],
    })
    expect(b.published).toEqual([
      { topic: 'rooms.feed', params: { room: 'a' }, message: '4', options: { key: undefined, owner: 'public' } },
    ])
  })

  it.each([
    ['params', { room: 1 }, { text: 'hi' }],
    ['a message', { room: 'a' }, { text: 1 }],
  ])('is refused for %s that do not fit', async (_, params, message) => {
    const publish = vi.fn()
    const b = dispatching({ publish })
    expect((await settled(b.publish('rooms.feed', params, message), b.clock)).error?.code).toBe('INVALID_ARGUMENT')
    expect(publish).not.toHaveBeenCalled()
  })

  it('is refused by what its handler throws', async () => {
    const b = dispatching({
      publish: () => {
        throw new TautlineError('PERMISSION_DENIED')
      },
    })
    expect((await settled(b.publish('rooms.feed', { room: 'a' }, { text: 'hi' }), b.clock)).error?.code).toBe(
      'PERMISSION_DENIED',
    )
    expect(b.published).toEqual([])
  })

  it('is not on a topic that takes no messages from clients', async () => {
    const b = dispatching()
    expect((await settled(b.publish('rooms.quiet', { room: 'a' }, 'hi'), b.clock)).error?.code).toBe('UNIMPLEMENTED')
  })

  it('is an incident, and not its fault, when the message that the handler made does not fit', async () => {
    const b = dispatching(
      {},
      {
        publish: async () => {
          throw new TautlineError('INVALID_ARGUMENT')
        },
      },
    )
    expect((await settled(b.publish('rooms.feed', { room: 'a' }, { text: 'hi' }), b.clock)).error?.code).toBe(
      'INTERNAL',
    )
    expect(b.reports).toHaveLength(1)
  })

  it('says whether it may be there when the broker fails', async () => {
    const b = dispatching(
      {},
      {
        publish: async () => {
          throw new TautlineError('UNAVAILABLE', 'no broker', { mayHaveRun: false })
        },
      },
    )
    expect((await settled(b.publish('rooms.feed', { room: 'a' }, { text: 'hi' }), b.clock)).error).toMatchObject({
      code: 'UNAVAILABLE',
      mayHaveRun: true,
    })
  })

  it('is not made when its client has left before the handler was done', async () => {
    let go: (text: string) => void = () => undefined
    const b = dispatching({
      publish: () =>
        new Promise(resolve => {
          go = resolve
        }),
    })
    const asked = b.publish('rooms.feed', { room: 'a' }, { text: 'hi' })
    await b.clock.settle()
    asked.exchange.cancel()
    await b.clock.settle()
    go('too late')
    await b.clock.settle()
    expect(b.published).toEqual([])
    expect(b.reports).toEqual([])
  })

  it('with a key runs its handler once, and tells the broker whose key it is', async () => {
    const publish = vi.fn(() => 'hi')
    const b = dispatching({ publish }, { identity: 'ada' })
    const [first, second] = [0, 1].map(() => b.publish('rooms.feed', { room: 'a' }, { text: 'hi' }, 'k'))
    expect(first && (await settled(first, b.clock))).toEqual({ value: ['e', 1] })
    expect(second && (await settled(second, b.clock))).toEqual({ value: ['e', 1] })
    expect(publish).toHaveBeenCalledOnce()
    expect(b.published[0]?.options?.key).toBe('["identity","ada","rooms.feed","k"]')
  })
})
