import { connect } from '@tautline/client'
import { type CallOptions, hashOf, numbersOf, outlineOf, TautlineError } from '@tautline/core'
import { FrameType, type WelcomeFields } from '@tautline/core/wire'
import { describe, expect, it } from 'vitest'
import { entries, NOTHING, scene, watch } from './support/client.ts'
import { LIMITS } from './support/fake-server.ts'

/** A call that the types would not allow. */
const anyway = <T>(value: T): never => value as never

describe('the api', () => {
  it('is a frozen tree of functions whose keys enumerate, and is not mistaken for a promise', async () => {
    const { api } = scene()
    expect(Object.keys(api)).toEqual(Object.keys(entries))
    expect(Object.keys(api.group.deep)).toEqual(['ask'])
    expect(Object.isFrozen(api)).toBe(true)
    expect(Object.isFrozen(api.group.deep)).toBe(true)
    expect(await Promise.resolve(api)).toBe(api)
    expect(typeof api.say).toBe('function')
  })

  it('is made from an outline too, which has been through JSON', async () => {
    const { server, clock } = scene()
    const outline = JSON.parse(JSON.stringify(outlineOf(entries)))
    const client = connect<typeof entries>(outline, { url: 'ws://server', clock, socket: server.socket })
    server.handle = ({ exchange, frame }) => exchange.end(frame[3])
    const answer = watch(client.api.say(anyway(12)))
    await clock.settle()
    expect(answer.value).toBe(12)
    client.connection.close()
  })

  it('refuses a tree that has not been through contract()', () => {
    expect(() => connect({ say: { kind: 'procedure' } }, { url: '/' })).toThrow(/say is no entry/)
  })
})

describe('the name of an entry', () => {
  const sent = async (welcome: Partial<WelcomeFields>) => {
    const { api, server, clock, connection } = scene()
    server.welcome = welcome
    void watch(api.say('x'))
    void watch(api.sum(undefined, { up: [1] }))
    void watch(api.feed({ room: 'r' }).publish('m'))
    await clock.settle()
    const names = server.session.asked.map(({ frame }) => frame[2])
    connection.close()
    return names
  }

  it('is its number where the server has the same contract', async () => {
    const numbers = numbersOf(entries)
    expect(await sent({ contract: hashOf(entries) })).toEqual(['say', 'sum', 'feed'].map(path => numbers.get(path)))
  })

  it('is its path where the server has another one, or does not say', async () => {
    expect(await sent({ contract: 'other' })).toEqual(['say', 'sum', 'feed'])
    expect(await sent({})).toEqual(['say', 'sum', 'feed'])
  })

  it('is what the next server calls it when a call is sent again', async () => {
    const opened = scene()
    const { api, server, clock, leftOver } = opened
    opened.chance = 0
    server.welcome = { contract: hashOf(entries) }
    const look = watch(api.look('x'))
    await clock.settle()
    const names = [server.session.asked[0]?.frame[2]]
    server.welcome = { contract: 'other' }
    server.sessions.clear()
    server.last.cut()
    await clock.settle()
    names.push(server.session.asked[0]?.frame[2])
    expect(names).toEqual([numbersOf(entries).get('look'), 'look'])
    server.session.asked[0]?.exchange.end('y')
    await clock.settle()
    expect(look.value).toBe('y')
    expect(await leftOver()).toEqual(NOTHING)
  })
})

describe('a call', () => {
  it('opens the connection, is sent after the welcome, and resolves with the answer', async () => {
    const { api, server, clock, states, leftOver } = scene()
    server.handle = ({ exchange, frame }) => exchange.end(`${frame[3]}!`)
    expect(server.dials).toHaveLength(0)
    const answer = watch(api.say('hi'))
    await clock.settle()
    expect(answer).toEqual({ value: 'hi!', settled: 1 })
    expect(states.map(({ status }) => status)).toEqual(['connecting', 'online'])
    expect(server.last.hello).toMatchObject({ contract: expect.stringMatching(/^[0-9a-f]{16}$/) })
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('says how much time is left unless it is what the server assumes, and carries headers and its key', async () => {
    const { api, server, clock, connection } = scene()
    void api.say('a', { timeout: 5_000, headers: { trace: '1' }, idempotencyKey: 'k' }).catch(() => undefined)
    void api.slow().catch(() => undefined)
    void api.ping().catch(() => undefined)
    await clock.settle()
    const [say, slow, ping] = server.session.asked.map(({ frame }) => frame)
    expect(say).toEqual([FrameType.CALL, 1, 'say', 'a', { timeoutMs: 5_000, key: 'k', headers: { trace: '1' } }])
    expect(slow?.[4]).toMatchObject({ timeoutMs: 120_000 })
    expect(ping?.slice(0, 3)).toEqual([FrameType.CALL, 3, 'ping'])
    expect(ping?.[4]).toBeUndefined()
    connection.close()
  })

  it('sends what the caller gave at the time of the call, whatever becomes of it', async () => {
    const { server, clock } = scene()
    const { api, connection } = connect<typeof entries>(outlineOf(entries), {
      url: 'ws://server',
      clock,
      socket: server.socket,
    })
    const input = { list: [1] }
    void api.say(anyway(input)).catch(() => undefined)
    input.list.push(2)
    await clock.settle()
    expect(server.session.asked[0]?.frame[3]).toEqual({ list: [1] })
    connection.close()
  })

  it('rejects with a declared error and its data', async () => {
    const { api, server, clock } = scene()
    const until = new Date(5_000)
    server.handle = ({ exchange }) => exchange.fail(new TautlineError('CLOSED', 'for today', { data: { until } }))
    const answer = watch(api.say('hi'))
    await clock.settle()
    expect(answer.error).toBeInstanceOf(TautlineError)
    expect(answer.error).toMatchObject({ code: 'CLOSED', message: 'for today', data: { until } })
  })

  it('rejects with a canonical one and its incident', async () => {
    const { api, server, clock } = scene()
    server.handle = ({ exchange }) => exchange.fail(new TautlineError('INTERNAL', '', { incident: 'i1' }))
    const answer = watch(api.say('hi'))
    await clock.settle()
    expect(answer.error).toMatchObject({ code: 'INTERNAL', incident: 'i1' })
  })

  it.each<[string, (options?: CallOptions) => unknown]>([
    ['an input that does not fit', () => 12],
    ['a timeout of 0', () => ['a', { timeout: 0 }]],
    ['a timeout over an hour', () => ['a', { timeout: 3_600_001 }]],
    ['a timeout that is no integer', () => ['a', { timeout: 1.5 }]],
    ['an empty key', () => ['a', { idempotencyKey: '' }]],
    ['a key that is too long', () => ['a', { idempotencyKey: 'k'.repeat(1_025) }]],
    ['a header with a line break', () => ['a', { headers: { a: 'b\nc' } }]],
  ])('refuses %s without opening anything', async (_, args) => {
    const { api, server, clock, leftOver } = scene()
    const [input, options] = [args()].flat()
    const answer = watch(api.say(anyway(input), anyway(options)))
    await clock.settle()
    expect(answer).toMatchObject({ settled: 1, error: { code: 'INVALID_ARGUMENT' } })
    expect(server.dials).toHaveLength(0)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('says in issues what is wrong with the input', async () => {
    const { api, clock } = scene()
    const answer = watch(api.say(anyway(12)))
    await clock.settle()
    expect(answer.error?.issues).toHaveLength(1)
  })

  it('refuses what cannot be sent', async () => {
    const { server, clock } = scene()
    const { api } = connect<typeof entries>(outlineOf(entries), { url: 'ws://server', clock, socket: server.socket })
    const answer = watch(api.say(anyway(() => 1)))
    await clock.settle()
    expect(answer.error).toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(clock.pending).toBe(0)
  })

  it('leaves a schema that answers asynchronously to the server', async () => {
    const { api, server, clock, connection } = scene()
    server.handle = ({ exchange }) => exchange.end()
    const answer = watch(api.late('a'))
    await clock.settle()
    expect(answer).toEqual({ value: undefined, settled: 1 })
    connection.close()
  })

  it('refuses an input that is larger than the server takes, and harms nobody else', async () => {
    const { api, server, clock, leftOver } = scene()
    server.welcome = { limits: { ...LIMITS, messageBytes: 1_000 } }
    server.handle = ({ exchange }) => exchange.end('ok')
    const large = watch(api.say('x'.repeat(1_000)))
    const small = watch(api.say('x'))
    await clock.settle()
    expect(large.error).toMatchObject({ code: 'RESOURCE_EXHAUSTED' })
    expect(small.value).toBe('ok')
    expect(server.session.asked).toHaveLength(1)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('waits for its turn when the server takes no more at once', async () => {
    const { api, server, clock, leftOver } = scene()
    server.welcome = { limits: { ...LIMITS, calls: 2 } }
    const answers = ['a', 'b', 'c', 'd'].map(text => watch(api.say(text)))
    await clock.settle()
    const { asked } = server.session
    expect(asked.map(({ frame }) => frame[3])).toEqual(['a', 'b'])
    asked[1]?.exchange.end('B')
    await clock.settle()
    expect(asked.map(({ frame }) => frame[3])).toEqual(['a', 'b', 'c'])
    for (let i = 0; i < 4; i++) {
      asked[i]?.exchange.end('done')
      await clock.settle()
    }
    expect(answers.map(({ value }) => value)).toEqual(['done', 'B', 'done', 'done'])
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('waits for its turn also by bytes', async () => {
    const { api, server, clock, connection } = scene()
    server.welcome = { limits: { ...LIMITS, callBytes: 1_000 } }
    void watch(api.say('a'.repeat(900)))
    void watch(api.say('b'.repeat(900)))
    await clock.settle()
    expect(server.session.asked).toHaveLength(1)
    server.session.asked[0]?.exchange.end('')
    await clock.settle()
    expect(server.session.asked).toHaveLength(2)
    connection.close()
  })
})

describe('a deadline', () => {
  it('ends a call that gets no answer, tells the server, and says that it may have run', async () => {
    const { api, server, clock, leftOver } = scene()
    const answer = watch(api.say('hi', { timeout: 1_000 }))
    await clock.advance(999)
    expect(answer.settled).toBe(0)
    await clock.advance(20)
    expect(answer).toMatchObject({ settled: 1, error: { code: 'DEADLINE_EXCEEDED', mayHaveRun: true } })
    expect(server.session.peer.exchanges).toBe(0)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('is 30 s for a procedure that names none', async () => {
    const { api, clock } = scene()
    const answer = watch(api.say('hi'))
    await clock.advance(29_990)
    expect(answer.settled).toBe(0)
    await clock.advance(20)
    expect(answer.error).toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  })

  it('ends a call that never left, and says that it did not run', async () => {
    const { api, server, clock, leftOver } = scene()
    server.greet = () => undefined
    const answer = watch(api.say('hi', { timeout: 1_000 }))
    await clock.advance(1_020)
    expect(answer.error).toMatchObject({ code: 'DEADLINE_EXCEEDED', mayHaveRun: false })
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('counts from the call, not from when it left', async () => {
    const { api, server, clock, connection } = scene()
    const greet = server.greet
    server.greet = () => undefined
    void watch(api.say('hi', { timeout: 8_000 }))
    await clock.advance(3_000)
    const { last } = server
    if (last.hello) greet(last, last.hello)
    await clock.settle()
    expect(server.session.asked[0]?.frame[4]).toMatchObject({ timeoutMs: 5_000 })
    connection.close()
  })
})

describe('a signal', () => {
  it('ends the call, tells the server, keeps the reason, and is not listened to any more', async () => {
    const { api, server, clock, leftOver } = scene()
    const { signal, abort, listeners } = spied()
    const answer = watch(api.say('hi', { signal }))
    await clock.settle()
    expect(listeners()).toBe(1)
    abort(new Error('enough'))
    await clock.settle()
    expect(answer).toMatchObject({ settled: 1, error: { code: 'CANCELLED', mayHaveRun: true } })
    expect(answer.error?.cause).toMatchObject({ message: 'enough' })
    expect(listeners()).toBe(0)
    expect(server.session.peer.exchanges).toBe(0)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('shared by many calls is listened to once, and ends them all', async () => {
    const { api, server, clock, leftOver } = scene()
    const { signal, abort, listeners } = spied()
    const calls = Array.from({ length: 50 }, () => watch(api.say('hi', { signal })))
    await clock.settle()
    expect(listeners()).toBe(1)
    server.session.asked[0]?.exchange.end('ok')
    await clock.settle()
    abort('enough')
    await clock.settle()
    expect(calls[0]?.value).toBe('ok')
    expect(calls.slice(1).every(({ error }) => error?.code === 'CANCELLED')).toBe(true)
    expect(listeners()).toBe(0)
    expect(server.session.peer.exchanges).toBe(0)
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('is let go when the call is answered', async () => {
    const { api, server, clock } = scene()
    const { signal, listeners } = spied()
    server.handle = ({ exchange }) => exchange.end('')
    await Promise.all([api.say('hi', { signal }), clock.settle()])
    expect(listeners()).toBe(0)
  })

  it('that has fired already lets nothing begin', async () => {
    const { api, server, clock } = scene()
    const answer = watch(api.say('hi', { signal: AbortSignal.abort() }))
    await clock.settle()
    expect(answer.error).toMatchObject({ code: 'CANCELLED', mayHaveRun: false })
    expect(server.dials).toHaveLength(0)
    expect(clock.pending).toBe(0)
  })

  it('ends a call that waits', async () => {
    const { api, server, clock, leftOver } = scene()
    server.greet = () => undefined
    const controller = new AbortController()
    const answer = watch(api.say('hi', { signal: controller.signal }))
    await clock.settle()
    controller.abort()
    await clock.settle()
    expect(answer.error).toMatchObject({ code: 'CANCELLED', mayHaveRun: false })
    expect(await leftOver()).toEqual(NOTHING)
  })
})

describe('the outbox', () => {
  it('refuses the request beyond its limit, which did not run, and keeps the others', async () => {
    const { api, server, clock, leftOver } = scene({ limits: { outboxRequests: 3 } })
    const { greet } = server
    server.greet = () => undefined
    server.handle = ({ exchange, frame }) => exchange.end(frame[3])
    const answers = ['a', 'b', 'c', 'd'].map(text => watch(api.say(text)))
    await clock.settle()
    expect(answers[3]?.error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: false })
    const { last } = server
    if (last.hello) greet(last, last.hello)
    await clock.settle()
    expect(answers.slice(0, 3).map(({ value }) => value)).toEqual(['a', 'b', 'c'])
    expect(await leftOver()).toEqual(NOTHING)
  })

  it('counts bytes too', async () => {
    const { api, server, clock, connection } = scene({ limits: { outboxBytes: 1_000 } })
    server.greet = () => undefined
    const answers = [800, 800, 50].map(length => watch(api.say('x'.repeat(length))))
    await clock.settle()
    expect(answers.map(({ settled }) => settled)).toEqual([0, 1, 0])
    connection.close()
  })

  it('has room again when a call in it has ended', async () => {
    const { api, server, clock, connection } = scene({ limits: { outboxRequests: 1 } })
    server.greet = () => undefined
    const controller = new AbortController()
    const first = watch(api.say('a', { signal: controller.signal }))
    controller.abort()
    const second = watch(api.say('b'))
    await clock.settle()
    expect([first.settled, second.settled]).toEqual([1, 0])
    connection.close()
  })
})

function spied() {
  const controller = new AbortController()
  const { signal } = controller
  let listeners = 0
  const add = signal.addEventListener.bind(signal)
  const remove = signal.removeEventListener.bind(signal)
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners += 1
    add(...args)
  }
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners -= 1
    remove(...args)
  }
  return { signal, abort: (reason: unknown) => controller.abort(reason), listeners: () => listeners }
}
