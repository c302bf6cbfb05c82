import { TautlineError } from '@tautline/core'
import { CloseCode, FrameType } from '@tautline/core/wire'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { NOTHING, type Scene, scene, watch } from './support/client.ts'

afterEach(() => vi.unstubAllGlobals())

/** An open connection. */
async function online(options: Parameters<typeof scene>[0] = {}): Promise<Scene> {
  const opened = scene(options)
  opened.connection.open()
  await opened.clock.settle()
  expect(opened.connection.state).toEqual({ status: 'online' })
  return opened
}

describe('a connection', () => {
  it('opens nothing and leaves nothing before it is needed', async () => {
    const { connection, server, clock } = scene()
    await clock.settle()
    expect(connection.state).toEqual({ status: 'idle' })
    expect(server.dials).toHaveLength(0)
    expect(clock.pending).toBe(0)
    connection.close()
    expect(connection.state).toEqual({ status: 'closed', reason: 'closed by the application' })
  })

  it('shows the same state until it changes', async () => {
    const { connection, server, clock } = await online()
    const { state } = connection
    await clock.advance(1_000)
    expect(connection.state).toBe(state)
    expect(Object.isFrozen(state)).toBe(true)
    server.last.close(1012)
    await clock.settle()
    expect(connection.state).not.toBe(state)
    connection.close()
  })

  it('opens when told to, once', async () => {
    const { connection, server, states, leftOver } = await online()
    connection.open()
    expect(server.dials).toHaveLength(1)
    expect(states).toEqual([{ status: 'connecting' }, { status: 'online' }])
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('says goodbye with 1000, fails what is open and what waits, and leaves nothing', async () => {
    const { api, connection, server, clock } = await online()
    const open = watch(api.say('a'))
    const stream = watch(api.count(1)[Symbol.asyncIterator]().next())
    await clock.settle()
    connection.close()
    await clock.settle()
    expect(open.error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    expect(stream.error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    expect(server.last.closed).toEqual({ code: 1000, reason: '' })
    expect(clock.pending).toBe(0)
    const late = watch(api.say('b'))
    await clock.settle()
    expect(late.error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: false })
    connection.close()
    expect(server.dials).toHaveLength(1)
  })

  it('may be closed while it dials, at every step', async () => {
    for (const steps of [0, 1, 2, 3, 4]) {
      const { api, connection, server, clock } = scene({ token: async () => 'token' })
      const call = watch(api.say('a'))
      for (let i = 0; i < steps; i++) await Promise.resolve()
      clock.tick(steps)
      connection.close()
      await clock.settle()
      expect(call.error).toMatchObject({ code: 'UNAVAILABLE' })
      expect(connection.state.status).toBe('closed')
      expect(server.dials.every(({ closed }) => closed)).toBe(true)
      expect(clock.pending).toBe(0)
    }
  })

  it('opens again after it was closed, with a fresh token', async () => {
    const { api, connection, server, clock, leftOver } = await online({ token: numbered() })
    connection.close()
    connection.open()
    server.handle = ({ exchange }) => exchange.end('ok')
    const call = watch(api.say('a'))
    await clock.settle()
    expect(call.value).toBe('ok')
    expect(server.dials.map(({ hello }) => hello?.token)).toEqual(['token1', 'token2'])
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('may be closed and opened again by its own listeners', async () => {
    const { connection, server, clock, leftOver } = scene()
    const off = connection.on('state', ({ status }) => {
      if (status === 'online') connection.close()
      if (status === 'closed') {
        off()
        connection.open()
      }
    })
    connection.open()
    await clock.settle()
    expect(connection.state.status).toBe('online')
    expect(server.dials).toHaveLength(2)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('tells every listener of every state in order, also when one of them brings about the next', async () => {
    const { connection, clock } = scene()
    const seen: string[][] = [[], []]
    connection.on('state', ({ status }) => {
      seen[0]?.push(status)
      if (status === 'online') connection.close()
    })
    connection.on('state', ({ status }) => seen[1]?.push(status))
    connection.open()
    await clock.settle()
    expect(seen).toEqual([
      ['connecting', 'online', 'closed'],
      ['connecting', 'online', 'closed'],
    ])
  })

  it('reports a listener that throws, and goes on', async () => {
    const { connection, clock, errors } = scene()
    const cause = new Error('mine')
    connection.on('state', () => {
      throw cause
    })
    connection.open()
    await clock.settle()
    expect(connection.state.status).toBe('online')
    expect(errors).toHaveLength(2)
    expect(errors[0]).toMatchObject({ code: 'INTERNAL', cause })
    connection.close()
  })

  it('tells nobody who has stopped listening', async () => {
    const { connection, clock } = scene()
    const listener = vi.fn()
    connection.on('state', listener)()
    connection.open()
    await clock.settle()
    expect(listener).not.toHaveBeenCalled()
    connection.close()
  })
})

it.each([
  { timeout: 0 },
  { timeout: 3_600_001 },
  { connectTimeout: 1.5 },
  { limits: { outboxBytes: Number.NaN } },
  { limits: { messageBytes: 2 ** 31 } },
  { limits: { messageBytes: 2 ** 32 } },
])('connect refuses %j', options => {
  expect(() => scene(options)).toThrow(RangeError)
})

describe('a dial', () => {
  it('is tried again for ever, with full jitter over 2, 2, 4, 8, 16 and then 20 s', async () => {
    const { connection, server, clock, states, leftOver } = scene()
    server.greet = dialled => dialled.close(1013)
    connection.open()
    const waits: number[] = []
    for (let i = 0; i < 9; i++) {
      await clock.settle()
      const started = clock.now()
      const dials = server.dials.length
      while (server.dials.length === dials) await clock.advance(10)
      waits.push(clock.now() - started)
    }
    for (const [i, ceiling] of [2, 2, 4, 8, 16, 20, 20, 20, 20].entries()) {
      expect(Math.abs((waits[i] ?? 0) - ceiling * 500)).toBeLessThan(30)
    }
    expect(states.slice(0, 3).map(({ status }) => status)).toEqual(['connecting', 'waiting', 'connecting'])
    expect(states[1]).toMatchObject({ reason: 'try again later', retryAt: expect.any(Number) })
    expect((states[1]?.retryAt ?? 0) - Date.now()).toBeGreaterThan(0)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('begins its back-off anew after 10 s of health, and not before', async () => {
    const { connection, server, clock } = scene()
    server.greet = dialled => dialled.close(1013)
    connection.open()
    await clock.advance(1_500)
    await clock.advance(1_500)
    server.greet = (dialled, hello) => server.resume(dialled, hello)
    await clock.advance(3_000)
    expect(connection.state.status).toBe('online')
    await clock.advance(5_000)
    const before = Date.now()
    server.last.close(1012)
    await clock.settle()
    expect((connection.state.retryAt ?? 0) - before).toBeGreaterThan(3_500)
    await clock.advance(4_500)
    expect(connection.state.status).toBe('online')
    await clock.advance(10_000)
    server.last.close(1012)
    await clock.settle()
    expect((connection.state.retryAt ?? 0) - Date.now()).toBeLessThan(1_010)
    connection.close()
  })

  it('keeps to the time that a server asks for', async () => {
    const { connection, server, clock } = scene()
    server.greet = dialled => dialled.close(4004, 'retry-after=7000')
    connection.open()
    await clock.settle()
    expect(connection.state).toMatchObject({ status: 'waiting', reason: 'overloaded' })
    await clock.advance(6_900)
    expect(server.dials).toHaveLength(1)
    await clock.advance(200)
    expect(server.dials).toHaveLength(2)
    connection.close()
  })

  it.each([
    ['token', { token: () => new Promise<string>(() => undefined) }, 0],
    ['connection', { socket: () => ({ ...mute }) }, 0],
    ['welcome', {}, 1],
  ] as const)('is given up when there is no %s in time', async (_, options, dials) => {
    const { connection, server, clock, leftOver } = scene(options)
    server.greet = () => undefined
    connection.open()
    await clock.advance(9_990)
    expect(connection.state.status).toBe('connecting')
    await clock.advance(20)
    expect(connection.state).toMatchObject({ status: 'waiting', reason: 'connection lost' })
    expect(server.dials).toHaveLength(dials)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it.each<[string, number, string, string]>([
    ['a protocol error', 4500, 'UNAVAILABLE', 'protocol error'],
    ['an unauthenticated client', 4501, 'UNAUTHENTICATED', 'not authenticated'],
    ['a client that may not', 4503, 'PERMISSION_DENIED', 'permission denied'],
    ['another version', 4526, 'UNAVAILABLE', 'version not supported'],
    ['an unknown code that says stop', 4777, 'UNAVAILABLE', 'code 4777'],
    ['done', 1000, 'UNAVAILABLE', 'done'],
  ])('stops for %s, says so, and fails what waits', async (_, close, code, reason) => {
    const { api, connection, server, clock } = scene()
    server.greet = dialled => dialled.close(close)
    const call = watch(api.say('a'))
    await clock.settle()
    expect(connection.state).toEqual({ status: 'closed', reason })
    expect(call.error).toMatchObject({ code, mayHaveRun: false })
    const late = watch(api.say('a'))
    await clock.advance(60_000)
    expect(late.error).toMatchObject({ code, mayHaveRun: false })
    expect(server.dials).toHaveLength(1)
    expect(clock.pending).toBe(0)
  })

  it('gives the reason of the server that stops it', async () => {
    const { connection, server, clock } = scene()
    server.greet = dialled => dialled.close(4501, 'no such user')
    connection.open()
    await clock.settle()
    expect(connection.state).toEqual({ status: 'closed', reason: 'no such user' })
  })

  it('stops for a server that begins with anything but WELCOME', async () => {
    for (const frames of [[[FrameType.PING]], [[FrameType.END, 1]]] as const) {
      const { connection, server, clock } = scene()
      server.greet = () => server.say(...(frames as never as [[15]]))
      connection.open()
      await clock.settle()
      expect(connection.state.status).toBe('closed')
      expect(server.last.closed?.code).toBe(CloseCode.PROTOCOL_ERROR)
      expect(clock.pending).toBe(0)
    }
  })

  it('stops for bytes that are no message', async () => {
    const { connection, server, clock } = scene()
    server.greet = ({ socket }) => socket.send(new Uint8Array([0xdd, 1, 255, 255, 255]))
    connection.open()
    await clock.settle()
    expect(connection.state.status).toBe('closed')
  })

  it('stops when there is nothing to dial', async () => {
    const { api, connection, clock } = scene({ url: '/live' })
    const call = watch(api.say('a'))
    await clock.settle()
    expect(connection.state).toMatchObject({ status: 'closed', reason: expect.stringMatching(/URL/) })
    expect(call.error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: false })
    expect(clock.pending).toBe(0)
  })

  it('resolves a relative url against the page when it dials', async () => {
    const { connection, server, clock } = scene({ url: '/live?a=1' })
    vi.stubGlobal('location', { href: 'https://app.example/page/#part' })
    connection.open()
    await clock.settle()
    expect(server.last.url.href).toBe('wss://app.example/live?a=1')
    connection.close()
  })
})

describe('a token', () => {
  it('is asked for before every dial', async () => {
    const { connection, server, clock } = await online({ token: numbered() })
    server.last.close(1012)
    await clock.advance(1_500)
    expect(server.dials.map(({ hello }) => hello?.token)).toEqual(['token1', 'token2'])
    connection.close()
  })

  it.each<[string, () => never]>([
    [
      'throws',
      () => {
        throw new Error('no network')
      },
    ],
    ['rejects', () => Promise.reject(new Error('no network')) as never],
    ['is none', () => 12 as never],
    ['is too long', () => 'x'.repeat(8_193) as never],
    ['cannot be sent', () => '\ud800' as never],
  ])('that %s is reported, and asked for again later', async (_, token) => {
    const { api, connection, server, clock, errors, leftOver } = scene({ token })
    const call = watch(api.say('a', { timeout: 5_000 }))
    await clock.settle()
    expect(connection.state).toMatchObject({ status: 'waiting', reason: 'no token' })
    expect(errors).toHaveLength(1)
    await clock.advance(5_100)
    expect(errors.length).toBeGreaterThan(2)
    expect(call.error).toMatchObject({ code: 'DEADLINE_EXCEEDED', mayHaveRun: false })
    expect(server.dials).toHaveLength(0)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('may be nothing', async () => {
    const { connection, server } = await online({ token: () => null })
    expect(server.last.hello?.token).toBeUndefined()
    connection.close()
  })

  it('may be asked for by code that uses the connection itself, which waits for the next', async () => {
    const { api, connection, server, clock, errors, leftOver } = scene({
      token: () => api.ping(undefined, { timeout: 1_000 }).then(() => 'never'),
    })
    connection.open()
    await clock.advance(1_500)
    expect(server.dials).toHaveLength(0)
    expect(errors.length).toBeGreaterThan(0)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('is brought when the server asks for one', async () => {
    const { connection, server, clock } = await online({ token: numbered() })
    server.session.peer.send([FrameType.TOKEN])
    await clock.settle()
    expect(server.session.frames).toEqual([[FrameType.TOKEN, 'token2']])
    connection.close()
  })

  it('is brought by refresh(), the newest one when asked twice', async () => {
    const tokens: ((token: string) => void)[] = []
    let first = true
    const { connection, server, clock } = await online({
      token: () => {
        if (first) {
          first = false
          return 'token0'
        }
        return new Promise<string>(resolve => tokens.push(resolve))
      },
    })
    connection.refresh()
    connection.refresh()
    tokens[1]?.('new')
    tokens[0]?.('old')
    await clock.settle()
    expect(server.session.frames).toEqual([[FrameType.TOKEN, 'new']])
    connection.close()
  })

  it('that cannot be had when the server asks is reported, and the session goes on', async () => {
    let first = true
    const { connection, server, clock, errors } = await online({
      token: () => {
        if (!first) throw new TautlineError('UNAUTHENTICATED', 'logged out')
        first = false
        return 'a'
      },
    })
    connection.refresh()
    await clock.settle()
    expect(errors).toMatchObject([{ code: 'UNAUTHENTICATED', message: 'logged out' }])
    expect(connection.state.status).toBe('online')
    expect(server.session.frames).toEqual([])
    connection.close()
  })

  it('of a dial that is under way is replaced by refresh()', async () => {
    const { connection, server, clock, leftOver } = scene({ token: numbered() })
    const { greet } = server
    server.greet = () => undefined
    connection.open()
    await clock.settle()
    server.greet = greet
    connection.refresh()
    await clock.settle()
    expect(connection.state.status).toBe('online')
    expect(server.dials.map(({ hello, closed }) => [hello?.token, closed !== undefined])).toEqual([
      ['token1', true],
      ['token2', false],
    ])
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('that has expired is replaced at once', async () => {
    const { connection, server, clock } = await online({ token: numbered() })
    server.last.close(4100)
    await clock.settle()
    expect(connection.state.status).toBe('online')
    expect(server.last.hello).toMatchObject({ token: 'token2', session: ['session1', 0, 2] })
    connection.close()
  })

  it('that is always refused as expired does not dial in a circle', async () => {
    const { connection, server, clock } = scene({ token: () => 'old' })
    server.greet = dialled => dialled.close(4100)
    connection.open()
    await clock.advance(10_000)
    expect(server.dials.length).toBeLessThan(7)
    connection.close()
  })
})

describe('a contract that the server does not have', () => {
  it('is told once', async () => {
    const told: unknown[] = []
    const { connection, server, clock } = scene()
    connection.on('skew', skew => told.push(skew))
    server.welcome = { contract: 'other' }
    connection.open()
    await clock.settle()
    server.last.close(1012)
    await clock.advance(1_500)
    expect(told).toEqual([{ client: server.last.hello?.contract, server: 'other' }])
    connection.close()
  })
})

/** Another token each time. */
function numbered(): () => Promise<string> {
  let tokens = 0
  return async () => {
    tokens += 1
    return `token${tokens}`
  }
}

/** A socket that never opens. */
const mute = {
  bufferedAmount: 0,
  send: () => undefined,
  close: () => undefined,
  abandon: () => undefined,
  listen: () => undefined,
}
