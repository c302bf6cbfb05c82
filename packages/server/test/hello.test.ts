import { TautlineError } from '@tautline/core'
import { encodeFrame, FrameType, type HelloFields } from '@tautline/core/wire'
import { afterEach, describe, expect, it } from 'vitest'
import { anyone } from '../src/handlers.ts'
import type { ServeOptions } from '../src/options.ts'
import { Serving } from './support/serving.ts'

let serving: Serving

async function start(options?: Partial<ServeOptions<unknown>>): Promise<Serving> {
  serving = await Serving.start(options)
  return serving
}

afterEach(async () => {
  expect(await serving.end()).toBe(0)
  expect(serving.server.stats().sessions).toEqual({ attached: 0, detached: 0, unauthenticated: 0 })
})

describe('a client that says HELLO', () => {
  it('is welcomed with all numbers it has to keep to', async () => {
    const { server } = await start({ route: 'here' })
    const client = await serving.join()
    expect(client.frames).toHaveLength(1)
    expect(client.welcome).toMatchObject({
      resumed: false,
      received: 0,
      heartbeatMs: 25_000,
      resumeMs: 30_000,
      route: 'here',
      contract: expect.stringMatching(/^[0-9a-f]{16}$/),
      limits: {
        messageBytes: 1_048_576,
        window: 262_144,
        calls: 256,
        callBytes: 8_388_608,
        subscriptions: 128,
        rate: 1_000,
        burst: 2_000,
        replayBytes: 1_048_576,
        timeoutMs: 3_600_000,
      },
    })
    expect(client.welcome?.session).toMatch(/^[\w-]{21}$/)
    expect(client.welcome?.publicId).not.toBe(client.welcome?.session)
    expect(server.stats().sessions).toEqual({ attached: 1, detached: 0, unauthenticated: 0 })
  })

  it('may call, and what it calls knows who it is', async () => {
    await start()
    const client = await serving.join({ token: 'ada' }, { address: '10.0.0.1' })
    client.call(1, 'echo', 'hi')
    client.call(2, 'whoami')
    await serving.clock.settle()
    expect(client.outcome(1)).toEqual([FrameType.END, 1, 'hi'])
    const who = { context: 'ada', identity: 'ada', address: '10.0.0.1', id: client.welcome?.publicId }
    expect(client.outcome(2)?.[2]).toEqual(who)
  })

  it('is known by what authenticate was told: token, headers, cookies, address, url', async () => {
    let seen: unknown
    await start({
      authenticate: request => {
        seen = request
        return { context: 1 }
      },
    })
    const headers = { Cookie: 'a=1; b="x%20y"; a=2', 'X-Tag': ['p', 'q'], Upgrade: 'websocket' }
    await serving.join({ token: 't' }, { headers, address: '10.0.0.1', url: '/live?route=r' })
    expect(seen).toEqual({
      token: 't',
      headers: { cookie: 'a=1; b="x%20y"; a=2', 'x-tag': 'p, q' },
      cookies: { a: '1', b: 'x y' },
      address: '10.0.0.1',
      url: '/live?route=r',
      previous: undefined,
    })
  })

  it('is let in by anyone', async () => {
    await start({ authenticate: anyone })
    expect((await serving.join({})).welcome).toBeDefined()
  })

  it('is not let in by a function that forgot to answer', async () => {
    await start({ authenticate: (() => undefined) as never })
    const client = await serving.join({})
    expect(client.closed?.code).toBe(4004)
    expect(serving.errors).toHaveLength(1)
  })
})

describe('a client that is not let in', () => {
  it.each([
    ['UNAUTHENTICATED', 4501, 'no such user'],
    ['PERMISSION_DENIED', 4503, 'no such user'],
  ] as const)('for %s is told to stop', async (code, closed, reason) => {
    await start({ authenticate: () => Promise.reject(new TautlineError(code, 'no such user')) })
    expect((await serving.join()).closed).toEqual({ code: closed, reason })
    expect(serving.errors).toEqual([])
  })

  it('because authenticate failed may try again, and learns nothing but an incident', async () => {
    await start({ authenticate: () => Promise.reject(new Error('password=hunter2')) })
    const { closed } = await serving.join()
    const [{ error, incident } = { error: undefined, incident: '' }] = serving.errors
    expect(error).toEqual(new Error('password=hunter2'))
    expect(closed).toEqual({ code: 4004, reason: `authentication failed, incident ${incident}` })
  })

  it('because authenticate threw what cannot even be looked at may try again', async () => {
    const trap = () => {
      throw new Error('do not touch')
    }
    const bite = new Proxy({}, { get: trap, getPrototypeOf: trap, has: trap })
    await start({
      authenticate: () => {
        throw bite
      },
    })
    expect((await serving.join()).closed?.code).toBe(4004)
    expect(serving.errors).toHaveLength(1)
  })

  it.each([
    { context: 1, identity: '' },
    { context: 1, identity: 'x'.repeat(256) },
    { context: 1, identity: 7 },
    { context: 1, expiresAt: 'soon' },
    { context: 1, expiresAt: new Date(Number.NaN) },
    'ada',
    null,
  ])('because authenticate returned %j', async found => {
    await start({ authenticate: (() => found) as never })
    expect((await serving.join()).closed?.code).toBe(4004)
    expect(serving.errors).toHaveLength(1)
  })

  it('because authenticate takes too long is told so after 10 s, and its late answer changes nothing', async () => {
    let answer = (_: { context: unknown }) => {}
    await start({
      authenticate: () =>
        new Promise(resolve => {
          answer = resolve
        }),
    })
    const client = await serving.join()
    await serving.clock.advance(9_900)
    expect(client.closed).toBeUndefined()
    await serving.clock.advance(200)
    expect(client.closed?.code).toBe(4004)
    answer({ context: 1 })
    await serving.clock.settle()
    expect(serving.server.stats().sessions.attached).toBe(0)
  })

  it('because its token has expired already is asked for another one', async () => {
    await start({ authenticate: () => ({ context: 1, expiresAt: Date.now() - 1 }) })
    expect((await serving.join()).closed?.code).toBe(4100)
  })

  it('because it is a page of somebody else', async () => {
    await start()
    const headers = { origin: 'https://evil.com', host: 'example.com' }
    expect((await serving.join({ token: 'ada' }, { headers })).closed?.code).toBe(4503)
  })
})

describe('a client that does not keep to the rules before WELCOME', () => {
  it('by saying nothing for 5 s is closed with 4008', async () => {
    await start()
    const client = serving.dial()
    await serving.clock.advance(4_900)
    expect(client.closed).toBeUndefined()
    await serving.clock.advance(200)
    expect(client.closed?.code).toBe(4008)
  })

  it.each([
    ['a call', [[2, 1, 'echo', 'hi']]],
    ['a ping', [[15]]],
    ['HELLO and more', [[0, {}], [15]]],
    [
      'HELLO twice',
      [
        [0, {}],
        [0, {}],
      ],
    ],
    ['what only servers send', [[1, {}]]],
    ['a frame of the future', [[99, 1]]],
    ['HELLO without its map', [[0, 'hi']]],
  ])('by sending %s first is closed with 4500', async (_, frames) => {
    await start()
    const client = serving.dial()
    client.send(...(frames as never[]))
    await serving.clock.settle()
    expect(client.closed?.code).toBe(4500)
    expect(serving.server.stats().calls).toEqual({})
  })

  it.each([[Uint8Array.of()], [Uint8Array.of(0xc1)], [Uint8Array.of(0xdd, 1, 255, 255, 255)]])(
    'by sending no frame at all is closed with 4500: %s',
    async bytes => {
      await start()
      const client = serving.dial()
      client.sendBytes(bytes)
      await serving.clock.settle()
      expect(client.closed?.code).toBe(4500)
    },
  )

  it.each([
    [8_190, undefined],
    [8_191, undefined],
    [8_192, undefined],
    [8_193, 4500],
    [100_000, 4500],
  ])('by a HELLO of %i bytes is closed with %s', async (size, code) => {
    await start({ authenticate: anyone })
    const client = serving.dial()
    client.sendBytes(helloOf(size))
    await serving.clock.settle()
    expect(client.closed?.code).toBe(code)
  })

  it('by sending more while it is being asked about is closed with 4500', async () => {
    await start({ authenticate: () => new Promise(() => {}) })
    const client = await serving.join()
    client.call(1, 'echo', 'hi')
    await serving.clock.settle()
    expect(client.closed?.code).toBe(4500)
    expect(serving.server.stats().calls).toEqual({})
  })

  it('by leaving while it is being asked about is forgotten', async () => {
    let answer = (_: { context: unknown }) => {}
    await start({
      authenticate: () =>
        new Promise(resolve => {
          answer = resolve
        }),
    })
    const client = await serving.join()
    client.cut()
    await serving.clock.settle()
    expect(serving.server.stats().sessions.unauthenticated).toBe(0)
    answer({ context: 1 })
    await serving.clock.settle()
    expect(serving.server.stats().sessions.attached).toBe(0)
  })
})

describe('sockets that nobody knows yet', () => {
  it('may be so many; one more is asked to come later', async () => {
    await start({ limits: { unauthenticated: 2 } })
    const [first] = [serving.dial(), serving.dial()]
    const third = serving.dial()
    await serving.clock.settle()
    expect(third.closed).toEqual({ code: 4004, reason: 'retry-after=1000' })
    first?.hello({ token: 'ada' })
    await serving.clock.settle()
    expect((await serving.join()).welcome).toBeDefined()
  })
})

describe('sessions of one identity', () => {
  it('may be 64; one more is asked to come later, others are welcome', async () => {
    await start({ limits: { sessionsPerIdentity: 3 } })
    for (let n = 0; n < 3; n++) expect((await serving.join()).welcome).toBeDefined()
    expect((await serving.join()).closed).toEqual({ code: 4004, reason: 'retry-after=10000' })
    expect((await serving.join({ token: 'bob' })).welcome).toBeDefined()
  })

  it('that wait for their client make room for those that are there', async () => {
    await start({ limits: { sessionsPerIdentity: 2 } })
    const gone = await serving.join()
    await serving.join()
    gone.cut()
    await serving.clock.settle()
    expect((await serving.join()).welcome).toBeDefined()
    expect(serving.server.stats().sessions).toMatchObject({ attached: 2, detached: 0 })
  })
})

describe('onSession', () => {
  it('is told of each session, with its context, and of its end', async () => {
    const told: unknown[] = []
    await start({
      onSession: session => {
        told.push(session.context, session.identity)
        session.onEnd(() => told.push(`${session.id} ended`))
      },
    })
    const client = await serving.join()
    expect(told).toEqual(['ada', 'ada'])
    client.close()
    await serving.clock.settle()
    expect(told).toEqual(['ada', 'ada', `${client.welcome?.publicId} ended`])
  })

  it('and onEnd may throw or reject: onError is told, and nothing else happens', async () => {
    await start({
      onSession: async session => {
        session.onEnd(() => {
          throw new Error('end')
        })
        session.onEnd(() => Promise.reject(new Error('late')))
        throw new Error('session')
      },
    })
    const client = await serving.join()
    client.close()
    await serving.clock.settle()
    expect(serving.errors.map(({ error }) => String(error))).toEqual(['Error: session', 'Error: end', 'Error: late'])
  })
})

/** A HELLO of so many bytes: what nobody knows in it is ignored. */
function helloOf(size: number): Uint8Array {
  const padded = (length: number) => {
    return encodeFrame([FrameType.HELLO, { padding: new Uint8Array(length) } as HelloFields])
  }
  return padded(size - (padded(size).length - size))
}
