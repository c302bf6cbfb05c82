import { CloseCode, encodeFrame, FrameType } from '@tautline/core/wire'
import { describe, expect, it } from 'vitest'
import { NOTHING, scene, watch } from './support/client.ts'
import { LIMITS } from './support/fake-server.ts'

/** An open connection whose next dials come at once. */
async function online() {
  const opened = scene()
  opened.chance = 0
  opened.connection.open()
  await opened.clock.settle()
  return opened
}

describe('a session', () => {
  it('is resumed on the next socket, with what was received and a greater attempt', async () => {
    const { api, server, clock, leftOver } = await online()
    const first = watch(api.say('a'))
    const second = watch(api.say('b'))
    await clock.settle()
    const { asked } = server.session
    asked[0]?.exchange.end('A')
    await clock.settle()
    server.last.cut()
    asked[1]?.exchange.end('B')
    await clock.settle()
    expect(server.dials.map(({ hello }) => hello?.session)).toEqual([undefined, ['session1', 1, 2]])
    expect([first, second]).toEqual([
      { value: 'A', settled: 1 },
      { value: 'B', settled: 1 },
    ])
    expect(asked).toHaveLength(2)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('brings its route back in the URL, and only when it resumes', async () => {
    const opened = scene({ url: 'ws://server/live?a=1' })
    const { connection, server, clock } = opened
    opened.chance = 0
    server.welcome = { route: 'node 7' }
    connection.open()
    await clock.settle()
    server.last.cut()
    await clock.settle()
    expect(server.dials.map(({ url }) => url.search)).toEqual(['?a=1', '?a=1&route=node+7'])
    connection.close()
  })

  it('sends what was called while it was away, once it is back', async () => {
    const opened = await online()
    const { api, server, clock, connection } = opened
    opened.chance = 0.5
    server.last.cut()
    await clock.settle()
    const call = watch(api.say('a'))
    await clock.advance(500)
    expect(call.settled).toBe(0)
    server.handle = ({ exchange }) => exchange.end('A')
    await clock.advance(600)
    expect(call.value).toBe('A')
    expect(server.sessions.size).toBe(1)
    connection.close()
  })

  it('resends a call whose caller left in the meantime as CANCEL', async () => {
    const opened = await online()
    const { api, server, clock, connection } = opened
    opened.chance = 0.5
    const controller = new AbortController()
    server.last.silence()
    const call = watch(api.say('a', { signal: controller.signal }))
    await clock.settle()
    server.last.cut()
    controller.abort()
    await clock.advance(1_100)
    expect(call.error).toMatchObject({ code: 'CANCELLED', mayHaveRun: true })
    expect(connection.state.status).toBe('online')
    expect(server.session.asked).toHaveLength(0)
    expect(server.session.peer.link.received).toBe(2)
    connection.close()
  })

  it('is lost when the server has forgotten it: what may run twice is sent again, the rest fails, what never left is sent', async () => {
    const opened = await online()
    const { api, server, clock, leftOver } = opened
    const say = watch(api.say('a'))
    const look = watch(api.look('b'))
    const keyed = watch(api.say('c', { idempotencyKey: 'k' }))
    await clock.settle()
    opened.chance = 0.5
    server.last.cut()
    server.sessions.clear()
    await clock.settle()
    const late = watch(api.say('d'))
    server.handle = ({ exchange, frame }) => exchange.end(String(frame[3]).toUpperCase())
    await clock.advance(1_100)
    expect(say.error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    expect([look.value, keyed.value, late.value]).toEqual(['B', 'C', 'D'])
    expect(server.session.asked.map(({ frame }) => frame.slice(1, 4))).toEqual([
      [1, 'look', 'b'],
      [2, 'say', 'c'],
      [3, 'say', 'd'],
    ])
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('does not send a call again once its deadline is over', async () => {
    const opened = await online()
    const { api, server, clock, connection } = opened
    opened.chance = 1
    const look = watch(api.look('b', { timeout: 1_000 }))
    await clock.settle()
    server.last.cut()
    server.sessions.clear()
    await clock.advance(2_100)
    expect(look.error).toMatchObject({ code: 'DEADLINE_EXCEEDED', mayHaveRun: true })
    expect(connection.state.status).toBe('online')
    expect(server.session.asked).toHaveLength(0)
    connection.close()
  })

  it('is given up when it was away for longer than the server keeps it', async () => {
    const opened = await online()
    const { api, server, clock, leftOver } = opened
    opened.chance = 0.5
    const stream = watch(api.count(1)[Symbol.asyncIterator]().next())
    const look = watch(api.look('b', { timeout: 60_000 }))
    await clock.settle()
    server.greet = dialled => dialled.close(1013)
    server.last.cut()
    await clock.advance(29_900)
    expect(stream.settled).toBe(0)
    await clock.advance(5_000)
    expect(stream.error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    expect(look.settled).toBe(0)
    server.greet = (dialled, hello) => server.resume(dialled, hello)
    server.handle = ({ exchange }) => exchange.end('B')
    await clock.advance(20_000)
    expect(server.last.hello?.session).toBeUndefined()
    expect(look.value).toBe('B')
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('that is given up while a dial is under way waits for what the server says', async () => {
    const opened = await online()
    const { api, server, clock, connection } = opened
    const say = watch(api.say('a', { timeout: 60_000 }))
    await clock.settle()
    server.welcome = { resumeMs: 5_000 }
    server.last.cut()
    await clock.settle()
    server.greet = () => undefined
    server.last.cut()
    await clock.advance(7_000)
    expect(connection.state.status).toBe('connecting')
    server.resume(server.last, server.last.hello ?? {})
    server.session.asked[0]?.exchange.end('A')
    await clock.settle()
    expect(say.value).toBe('A')
    connection.close()
  })

  it('is not believed to go on when the client no longer has what the server has not received', async () => {
    const { api, server, clock, connection } = await online()
    const stream = watch(api.count(1)[Symbol.asyncIterator]().next())
    await clock.settle()
    server.greet = dialled => {
      const session = server.session
      dialled.session = session
      dialled.socket.send(welcomeBytes({ session: session.id, resumed: true, received: 99 }))
      server.greet = (next, hello) => server.resume(next, hello)
    }
    server.last.cut()
    await clock.settle()
    expect(stream.error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    expect(connection.state.status).toBe('closed')
    connection.close()
  })

  it('that nobody asked for is not believed', async () => {
    const { connection, server, clock } = scene()
    server.greet = dialled => dialled.socket.send(welcomeBytes({ session: 'other', resumed: true, received: 0 }))
    connection.open()
    await clock.settle()
    expect(connection.state).toMatchObject({ status: 'waiting', reason: 'state lost' })
    expect(server.last.closed?.code).toBe(1000)
    connection.close()
  })

  it('ends when the server drops it for being too big: the largest request fails, the others as they may', async () => {
    const { api, server, clock, leftOver } = await online()
    const large = watch(api.look('x'.repeat(1_000)))
    const look = watch(api.look('b'))
    const say = watch(api.say('c'))
    await clock.settle()
    server.handle = ({ exchange }) => exchange.end('B')
    server.last.close(CloseCode.TOO_BIG)
    await clock.settle()
    expect(large.error).toMatchObject({ code: 'RESOURCE_EXHAUSTED' })
    expect(look.value).toBe('B')
    expect(say.error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    expect(server.last.hello?.session).toBeUndefined()
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('ends when the server sends more than this side takes, and nothing that could bring it again is sent again', async () => {
    const opened = scene({ limits: { messageBytes: 2_000_000 } })
    const { api, server, clock, leftOver } = opened
    opened.chance = 0
    server.welcome = { limits: { ...LIMITS, messageBytes: 4_000_000 } }
    server.handle = ({ exchange, frame }) => frame[3] === 'large' && exchange.end('x'.repeat(2_000_001))
    const small = watch(api.say('small'))
    const large = watch(api.look('large'))
    await clock.settle()
    expect(large.error).toMatchObject({ code: 'UNAVAILABLE', message: 'message too big', mayHaveRun: true })
    expect(small.error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    expect(server.dials).toHaveLength(2)
    expect(server.last.hello?.session).toBeUndefined()
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('ends with the code that the server closed it for', async () => {
    const { api, connection, server, clock } = await online()
    const call = watch(api.say('a'))
    await clock.settle()
    server.last.close(4501, 'revoked')
    await clock.settle()
    expect(connection.state).toEqual({ status: 'closed', reason: 'revoked' })
    expect(call.error).toMatchObject({ code: 'UNAUTHENTICATED', message: 'revoked', mayHaveRun: true })
    expect(clock.pending).toBe(0)
  })

  it('ends when the server breaks the protocol', async () => {
    const { api, connection, server, clock } = await online()
    const call = watch(api.say('a'))
    await clock.settle()
    server.say([FrameType.END, 99])
    await clock.settle()
    expect(connection.state.status).toBe('closed')
    expect(server.last.closed?.code).toBe(4500)
    expect(call.error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    expect(clock.pending).toBe(0)
  })
})

describe('a stream', () => {
  it('goes on after a drop, with each item once', async () => {
    const { api, server, clock, leftOver } = await online()
    const items: number[] = []
    const loop = watch(
      (async () => {
        for await (const item of api.count(1)) items.push(item)
      })(),
    )
    await clock.settle()
    const [asked] = server.session.asked
    const pump = asked?.exchange.pump(
      (async function* () {
        for (let i = 0; i < 10; i++) {
          if (i % 3 === 2) server.last.cut()
          yield i
          await clock.advance(100)
        }
      })(),
    )
    await pump
    asked?.exchange.end('')
    await clock.settle()
    expect(items).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(loop.settled).toBe(1)
    expect(server.dials).toHaveLength(4)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('that is idempotent and has handed over nothing begins anew on another session', async () => {
    const { api, server, clock, leftOver } = await online()
    const items: string[] = []
    const loop = watch(
      (async () => {
        for await (const item of api.watch('a')) items.push(item)
      })(),
    )
    await clock.settle()
    server.handle = ({ exchange }) => {
      void exchange.pump(['x', 'y'][Symbol.iterator]()).then(() => exchange.end())
    }
    server.sessions.clear()
    server.last.cut()
    await clock.settle()
    expect(items).toEqual(['x', 'y'])
    expect(loop.settled).toBe(1)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('that has handed over an item fails on another session, after what had arrived', async () => {
    const { api, server, clock, leftOver } = await online()
    server.handle = ({ exchange }) => void exchange.pump(['x', 'y'][Symbol.iterator]())
    const rows = api.watch('a')[Symbol.asyncIterator]()
    const first = watch(rows.next())
    await clock.settle()
    server.sessions.clear()
    server.last.cut()
    await clock.settle()
    const second = watch(rows.next())
    await clock.settle()
    const third = watch(rows.next())
    await clock.settle()
    expect([first.value, second.value]).toEqual([
      { done: false, value: 'x' },
      { done: false, value: 'y' },
    ])
    expect(third.error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('of items up fails on another session, and its source is left', async () => {
    const { api, server, clock, leftOver } = await online()
    let left = false
    const sum = watch(
      api.sum(undefined, {
        up: (async function* () {
          try {
            yield 1
            await new Promise(resolve => clock.setTimeout(() => resolve(undefined), 1_000))
            yield 2
          } finally {
            left = true
          }
        })(),
      }),
    )
    await clock.settle()
    server.sessions.clear()
    server.last.cut()
    await clock.advance(1_100)
    expect(sum.error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    expect(left).toBe(true)
    expect(await leftOver()).toEqual(NOTHING)
  })
})

describe('a volatile publish', () => {
  it('that is in flight when its socket goes settles with nothing, and is resent as CANCEL', async () => {
    const { api, server, clock, connection } = await online()
    server.last.silence()
    const published = watch(api.feed({ room: 'a' }).publish('hi', { volatile: true }))
    await clock.settle()
    server.last.cut()
    await clock.settle()
    expect(published).toEqual({ value: undefined, settled: 1 })
    expect(server.session.asked).toHaveLength(0)
    connection.close()
  })

  it('is dropped while there is no socket', async () => {
    const { api, server, clock, connection } = scene()
    server.greet = () => undefined
    const published = watch(api.feed({ room: 'a' }).publish('hi', { volatile: true }))
    await clock.settle()
    expect(published).toEqual({ value: undefined, settled: 1 })
    connection.close()
  })
})

describe('a publish', () => {
  it('resolves with its position, after a drop too, and says whether it may be there when the session is lost', async () => {
    const { api, server, clock, leftOver } = await online()
    const feed = api.feed({ room: 'a' })
    server.handle = ({ exchange }) => exchange.end(['e', 7])
    const first = watch(feed.publish('hi'))
    await clock.settle()
    expect(first.value).toBe('7.e')
    server.handle = () => undefined
    const lost = watch(feed.publish('hi'))
    const keyed = watch(feed.publish('hi', { idempotencyKey: 'k' }))
    await clock.settle()
    server.handle = ({ exchange }) => exchange.end(['e', 8])
    server.sessions.clear()
    server.last.cut()
    await clock.settle()
    expect(lost.error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    expect(keyed.value).toBe('8.e')
    expect(server.session.asked.map(({ frame }) => frame)).toEqual([
      [FrameType.PUBLISH, 1, 'feed', { room: 'a' }, 'hi', { key: 'k' }],
    ])
    expect(await leftOver()).toEqual(NOTHING)
  })
})

describe('a server that leaves', () => {
  it('is left in the slot it gave: new calls go to a new session, old ones end on the old', async () => {
    const { api, server, clock, connection, leftOver } = await online()
    const old = watch(api.say('a'))
    await clock.settle()
    const { session } = server
    const [first] = server.dials
    session.peer.send([FrameType.DRAIN, { inMs: 1_000, graceMs: 5_000 }])
    await clock.advance(900)
    expect(server.dials).toHaveLength(1)
    server.greet = dialled => server.begin(dialled)
    await clock.advance(200)
    expect(server.dials).toHaveLength(2)
    expect(server.last.hello?.session).toBeUndefined()
    expect(connection.state.status).toBe('online')
    server.handle = ({ exchange }) => exchange.end('new')
    const next = watch(api.say('b'))
    await clock.settle()
    expect(next.value).toBe('new')
    expect(server.session).not.toBe(session)
    expect(first?.closed).toBeUndefined()
    session.asked[0]?.exchange.end('old')
    await clock.settle()
    expect(old.value).toBe('old')
    expect(first?.closed).toEqual({ code: 1000, reason: '' })
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('is not overtaken by what is published after it: that waits for its answers, and calls do not', async () => {
    const { api, server, clock, leftOver } = await online()
    const publish = (text: string) => watch(api.feed({ room: 'a' }).publish(text))
    const [first, second, long] = [publish('1'), publish('2'), watch(api.say('long'))]
    await clock.settle()
    const old = server.session
    old.peer.send([FrameType.DRAIN, { inMs: 0, graceMs: 5_000 }])
    server.greet = dialled => server.begin(dialled)
    server.handle = ({ exchange, frame }) => exchange.end(frame[0] === FrameType.PUBLISH ? ['e', 9] : 'short')
    await clock.advance(20)
    expect(server.session).not.toBe(old)
    const arrived = () => server.session.asked.map(({ frame }) => frame[frame[0] === FrameType.PUBLISH ? 4 : 3])
    const [third, short] = [publish('3'), watch(api.say('short'))]
    await clock.settle()
    expect(arrived()).toEqual(['short'])
    expect(short.value).toBe('short')
    old.asked[1]?.exchange.end(['e', 8])
    await clock.settle()
    expect([first.settled, second.settled, third.settled]).toEqual([0, 1, 0])
    old.asked[0]?.exchange.end(['e', 7])
    await clock.settle()
    expect(arrived()).toEqual(['short', '3'])
    expect([first.value, second.value, third.value]).toEqual(['7.e', '8.e', '9.e'])
    old.asked[2]?.exchange.end('long')
    await clock.settle()
    expect(long.value).toBe('long')
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('keeps what is published after it waiting no longer than its grace', async () => {
    const { api, server, clock, leftOver } = await online()
    const publish = (text: string, idempotencyKey?: string) =>
      watch(api.feed({ room: 'a' }).publish(text, { idempotencyKey }))
    const [lost, keyed] = [publish('1'), publish('2', 'k')]
    await clock.settle()
    server.session.peer.send([FrameType.DRAIN, { inMs: 0, graceMs: 5_000 }])
    server.handle = ({ exchange }) => exchange.end(['e', 9])
    await clock.advance(20)
    const next = publish('3')
    await clock.advance(4_900)
    expect(next.settled).toBe(0)
    await clock.advance(200)
    expect(lost.error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    expect([keyed.value, next.value]).toEqual(['9.e', '9.e'])
    expect(server.session.asked.map(({ frame }) => frame[4])).toEqual(['2', '3'])
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('is left at once when nothing is open', async () => {
    const { server, clock, leftOver } = await online()
    const [first] = server.dials
    server.session.peer.send([FrameType.DRAIN, { inMs: 0, graceMs: 5_000 }])
    await clock.advance(20)
    expect(first?.closed).toEqual({ code: 1000, reason: '' })
    expect(server.dials).toHaveLength(2)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('is not waited for longer than it said', async () => {
    const { api, server, clock, leftOver } = await online()
    const say = watch(api.say('a', { timeout: 60_000 }))
    const look = watch(api.look('b', { timeout: 60_000 }))
    await clock.settle()
    const [first] = server.dials
    server.session.peer.send([FrameType.DRAIN, { inMs: 0, graceMs: 5_000 }])
    server.handle = ({ exchange }) => exchange.end('B')
    await clock.advance(4_900)
    expect(say.settled).toBe(0)
    await clock.advance(200)
    expect(say.error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    expect(look.value).toBe('B')
    expect(first?.closed).toEqual({ code: 1000, reason: '' })
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('and refuses whoever comes back is asked again later', async () => {
    const opened = await online()
    const { api, server, clock, connection } = opened
    opened.chance = 0.5
    server.greet = dialled => dialled.close(4001, 'retry-after=3000')
    server.session.peer.send([FrameType.DRAIN, { inMs: 0, graceMs: 5_000 }])
    await clock.advance(50)
    expect(connection.state).toMatchObject({ status: 'waiting', reason: 'draining' })
    const say = watch(api.say('a'))
    server.greet = (dialled, hello) => server.resume(dialled, hello)
    server.handle = ({ exchange }) => exchange.end('A')
    await clock.advance(3_100)
    expect(say.value).toBe('A')
    connection.close()
  })
})

function welcomeBytes(fields: { session: string; resumed: boolean; received: number }): Uint8Array {
  return encodeFrame([
    FrameType.WELCOME,
    { publicId: 'p', heartbeatMs: 25_000, resumeMs: 30_000, limits: LIMITS, ...fields },
  ])
}
