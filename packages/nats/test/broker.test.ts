import { connect } from '@nats-io/transport-node'
import type { Broker, BrokerChannel, Retention } from '@tautline/server'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { pass, until } from '../../../test/support/house.ts'
import { LeapingClock } from '../../../test/support/leaping-clock.ts'
import { nats } from '../src/nats.ts'
import type { NatsOptions } from '../src/options.ts'
import { NatsServer, tool } from './support/nats-server.ts'

const LATEST: Retention = { kind: 'latest', count: 100, seconds: Number.POSITIVE_INFINITY }
const NONE: Retention = { kind: 'none' }
const ALL = { messages: 1_000, bytes: 10_000_000 }
const NOT_DONE = { code: 'UNAVAILABLE', mayHaveRun: false }
const HOUR = 3_600_000
const body = new Uint8Array(100)

function log(name: string, more: Partial<Extract<Retention, { kind: 'log' }>> = {}): BrokerChannel {
  return { name, retain: { kind: 'log', count: 100, seconds: Number.POSITIVE_INFINITY, ...more } }
}

tool.describe('a broker on NATS', () => {
  let engine: NatsServer
  const brokers: Broker[] = []
  const others: NatsServer[] = []

  beforeAll(async () => {
    engine = await NatsServer.start()
  })

  afterEach(async () => {
    await Promise.all(brokers.splice(0).map(broker => broker.close()))
    await Promise.all(others.splice(0).map(other => other.end()))
    const { streams } = await engine.admin()
    for await (const { config } of streams.streams.list()) await streams.streams.purge(config.name)
  })

  afterAll(() => engine.end())

  function keep<B extends Broker>(broker: B): B {
    brokers.push(broker)
    return broker
  }
  const open = (options: NatsOptions = {}) => keep(nats(engine.client, options))
  const stored = async () => {
    const { streams } = await engine.admin()
    const { state } = await streams.streams.info('tautline', { subjects_filter: 'tautline.r.>' })
    return state.subjects ?? {}
  }
  const offsets = async (broker: Broker, channel: BrokerChannel, after = 0) =>
    (await broker.read(channel, { after }, ALL)).changes.map(({ offset }) => offset)

  test('refuses what says nothing of how to connect, and options that are wrong', () => {
    expect(() => nats(undefined as never)).toThrow(/needs a connection/)
    expect(() => nats({ publish: () => undefined } as never)).toThrow(/needs a connection/)
    for (const [option, value] of Object.entries({ prefix: 'a.*', stream: 'a.b', replicas: 2, channelBytes: 0 })) {
      expect(() => nats(engine.client, { [option]: value })).toThrow(new RegExp(option))
    }
  })

  test('leaves the connection alone that it was given, and closes its own', async () => {
    const connection = await connect({ ...engine.client, maxReconnectAttempts: 0 })
    const before = await engine.subscriptions()
    const broker = nats(connection)
    await broker.publish(log('a'), { body })
    expect(await engine.subscriptions()).toHaveLength(before.length + 1)
    await broker.close()
    await expect.poll(() => engine.subscriptions()).toHaveLength(before.length)
    expect(connection.isClosed()).toBe(false)
    await connection.close()
  })

  test('keeps apart what prefixes keep apart', async () => {
    const told: string[] = []
    for (const [name, broker] of Object.entries({ here: open(), there: open({ prefix: 'other.app' }) })) {
      await broker.subscribe(log('a'), () => void told.push(name))
      expect(await broker.publish(log('a'), { body })).toEqual([expect.any(String), 1])
    }
    await until(() => told.length === 2, 'two changes')
    expect(told).toEqual(['here', 'there'])
  })

  test.each(['*', '>', 'a.*', 'a.>', '', '.', 'a..b', 'a b', '\r\n', 'ключ', 'x'.repeat(1_024), '=clock'])(
    'tells of a channel named %j only those who follow it',
    async name => {
      const broker = open()
      const told: string[] = []
      await broker.subscribe(log('a.b'), () => void told.push('another'))
      await broker.subscribe(log(name), () => void told.push('this'))
      const none = { name, retain: NONE }
      await broker.subscribe(none, epoch => void (epoch === null && told.push('told only')))
      expect(await broker.publish(log(name), { body })).toEqual([expect.any(String), 1])
      await broker.publish(log('a.b'), { body })
      await until(() => told.includes('another'), 'the change of another channel')
      expect(told.filter(each => each === 'this')).toHaveLength(1)
      expect(await offsets(broker, log(name))).toEqual([1])
    },
  )

  test.each([undefined, '', '*', 'ключ'])(
    'tells the key %j of what retains nothing, with and without an idempotency key',
    async key => {
      const broker = open()
      const none = { name: 'a', retain: NONE }
      const told: unknown[] = []
      await broker.subscribe(none, (epoch, { offset, key, body }) => void told.push([epoch, offset, key, body?.length]))
      for (const idempotencyKey of [undefined, 'once']) await broker.publish(none, { body, key, idempotencyKey })
      await until(() => told.length === 2, 'two messages')
      expect(told).toEqual(Array(2).fill([null, 0, key, body.length]))
    },
  )

  test('is not disturbed by what others publish on its feeds', async () => {
    const broker = open()
    const told: number[] = []
    await broker.subscribe(log('a'), (_, { offset }) => void told.push(offset))
    const { connection } = await engine.admin()
    for (const junk of ['', 'hello', '\n']) connection.publish('tautline.f.a', junk)
    await connection.flush()
    await broker.publish(log('a'), { body })
    await until(() => told.length === 1, 'a change')
    expect(told).toEqual([1])
  })

  test('takes what others store in the place of a channel for the loss of its memory', async () => {
    const broker = open()
    const [before] = await broker.publish(log('a'), { body })
    const { streams } = await engine.admin()
    await streams.jetstream().publish('tautline.r.a', 'junk')
    const [[epoch, head] = []] = await broker.heads([log('a')])
    expect(epoch).not.toBe(before)
    expect(head).toBe(0)
    expect(await broker.publish(log('a'), { body })).toEqual([epoch, 1])
    expect(await stored()).toMatchObject({ 'tautline.r.a': 2 })
  })

  test.each([
    ['all that a channel may keep', { channelBytes: 1_000 }, 1_001],
    ['what the engine carries', {}, 1_024 * 1_024],
  ])('a message larger than %s is refused', async (_, options, bytes) => {
    const broker = open(options)
    await expect(broker.publish(log('a'), { body: new Uint8Array(bytes) })).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      mayHaveRun: false,
    })
  })

  test('messages that are almost as large go, each by itself', async () => {
    const broker = open()
    const large = new Uint8Array(1_000_000)
    const positions = await Promise.all(Array.from({ length: 5 }, () => broker.publish(log('a'), { body: large })))
    expect(positions.map(([, offset]) => offset)).toEqual([1, 2, 3, 4, 5])
    expect(await offsets(broker, log('a'))).toEqual([1, 2, 3, 4, 5])
  })

  test('the stream does not keep what a log has forgotten, nor what a key was before', async () => {
    const broker = open()
    const short = log('log', { count: 5 })
    const latest = { name: 'latest', retain: LATEST }
    for (let i = 0; i < 300; i++) {
      await broker.publish(short, { body })
      await broker.publish(latest, { key: String(i % 3), body })
    }
    await expect.poll(async () => (await stored())['tautline.r.log']).toBeLessThan(5 + 64 + 1)
    await expect.poll(async () => (await stored())['tautline.r.latest']).toBeLessThan(3 + 64 + 1)
    const another = open()
    expect(await offsets(another, short)).toEqual([296, 297, 298, 299, 300])
    expect(await offsets(another, latest)).toEqual([298, 299, 300])
  })

  test('an idempotency key is known to others, also when its message is forgotten', async () => {
    const [a, b] = [open(), open()]
    const short = log('a', { count: 1 })
    const first = await a.publish(short, { body, idempotencyKey: 'once' })
    for (let i = 0; i < 200; i++) await a.publish(short, { body })
    expect(await b.publish(short, { body, idempotencyKey: 'once' })).toEqual(first)
    expect(await a.publish(short, { body, idempotencyKey: 'once' })).toEqual(first)
  })

  test('what somebody else trims is gone, and what is left goes on', async () => {
    const broker = open()
    for (let i = 0; i < 10; i++) await broker.publish(log('a'), { body })
    const { streams } = await engine.admin()
    await streams.streams.purge('tautline', { filter: 'tautline.r.a', keep: 4 })
    await expect.poll(() => broker.read(log('a'), { after: 0 }, ALL)).toMatchObject({ head: 10, floor: 6 })
    expect(await offsets(broker, log('a'))).toEqual([7, 8, 9, 10])
    expect(await open().read(log('a'), { after: 0 }, ALL)).toMatchObject({ head: 10, floor: 6 })
    const { seq = 0 } = (await streams.direct.getMessage('tautline', { last_by_subj: 'tautline.r.a' })) ?? {}
    await streams.streams.deleteMessage('tautline', seq - 1)
    for (const each of [broker, open()]) {
      expect(await each.read(log('a'), { after: 0 }, ALL)).toMatchObject({ head: 10, floor: 9 })
    }
  })

  test.each(['log', 'latest'])('a %s of which the newest was deleted begins a new epoch', async kind => {
    const broker = open()
    const channel = kind === 'log' ? log('a') : { name: 'a', retain: LATEST }
    for (const key of ['x', 'y', 'z']) await broker.publish(channel, { key, body })
    const [[before] = []] = await broker.heads([channel])
    const { streams } = await engine.admin()
    const { seq = 0 } = (await streams.direct.getMessage('tautline', { last_by_subj: 'tautline.r.a' })) ?? {}
    await streams.streams.deleteMessage('tautline', seq)
    const page = await broker.read(channel, { after: 0 }, ALL)
    expect(page).toMatchObject({ head: 0, changes: [] })
    expect(page.epoch).not.toBe(before)
  })

  test('a latest of which a key was deleted behind its back begins a new epoch, also for a newcomer', async () => {
    const broker = open()
    const channel = { name: 'a', retain: LATEST }
    for (const key of ['x', 'y', 'z']) await broker.publish(channel, { key, body })
    const [[before] = []] = await broker.heads([channel])
    const { streams } = await engine.admin()
    const { seq = 0 } = (await streams.direct.getMessage('tautline', { last_by_subj: 'tautline.r.a' })) ?? {}
    await streams.streams.deleteMessage('tautline', seq - 1)
    const page = await open().read(channel, { after: 0 }, ALL)
    expect(page.epoch).not.toBe(before)
    expect(await broker.read(channel, { after: 0 }, ALL)).toMatchObject({ epoch: page.epoch, head: 0 })
  })

  test.each([log('a', { count: 2_000 }), { name: 'a', retain: { ...LATEST, count: 2_000 } }])(
    'servers that publish on one channel at once get each offset once: $retain.kind',
    { timeout: 20_000 },
    async channel => {
      const servers = [open(), open(), open()]
      const told: number[] = []
      await servers[0]?.subscribe(channel, (_, { offset }) => void told.push(offset))
      const publish = async (broker: Broker, server: number) => {
        const mine: number[] = []
        for (let i = 0; i < 100; i++) {
          const [one, two] = await Promise.all(
            [0, 1].map(j => broker.publish(channel, { key: `${server} ${i} ${j}`, body })),
          )
          mine.push(one?.[1] ?? 0, two?.[1] ?? 0)
        }
        expect(mine).toEqual([...mine].sort((a, b) => a - b))
        return mine
      }
      const all = (await Promise.all(servers.map(publish))).flat()
      const expected = Array.from({ length: 600 }, (_, i) => i + 1)
      expect(all.sort((a, b) => a - b)).toEqual(expected)
      await until(() => told.length === 600, 'all changes')
      expect(told).toEqual(expected)
      expect(await offsets(open(), channel)).toEqual(expected)
    },
  )

  test('a lease means the same to a server whose clock is wrong', async () => {
    const clock = new LeapingClock()
    clock.leap(3_600_000)
    const [right, wrong] = [open(), open({ clock })]
    const channel = { name: 'a', retain: LATEST }
    await right.publish(channel, { key: 'x', body, leaseMs: 10_000 })
    await wrong.publish(channel, { key: 'y', body, leaseMs: 10_000 })
    for (const broker of [right, wrong]) {
      expect((await broker.read(channel, { after: 0 }, ALL)).changes.filter(({ body }) => body)).toHaveLength(2)
    }
  })

  test('one whose engine is stopped takes so much and no more, and settles all of it', {
    timeout: 30_000,
  }, async () => {
    const broker = open()
    await broker.publish(log('a'), { body })
    engine.signal('SIGSTOP')
    try {
      const refused = { atOnce: 0, all: 0 }
      const codes = new Set<string>()
      const began = performance.now()
      const all = Array.from({ length: 30_000 }, async (_, i) => {
        const error = await broker.publish(log(`a${i % 10}`), { body }).catch(error => error)
        codes.add(error.code)
        refused.all += 1
        if (/too much/.test(error.message)) refused.atOnce += 1
      })
      await Promise.all(all)
      expect(performance.now() - began).toBeLessThan(8_000)
      expect([...codes]).toEqual(['UNAVAILABLE'])
      expect(refused).toEqual({ atOnce: 10_000, all: 30_000 })
    } finally {
      engine.signal('SIGCONT')
    }
    await until(() => broker.status === 'up', 'the engine', 8_000)
  })

  test('one whose stream is not what it needs says what is missing, and goes on when it is there', async () => {
    const { streams } = await engine.admin()
    const mine = { name: 'mine', subjects: ['mine.r.>'] }
    await streams.streams.add(mine)
    const broker = open({ prefix: 'mine', stream: 'mine' })
    const error = await broker.publish(log('a'), { body }).catch(error => error)
    expect(error).toMatchObject(NOT_DONE)
    expect(error.cause.message).toMatch(/stream mine needs to republish from mine\.r\.> to mine\.f\.>, allow_direct/)
    await streams.streams.delete('mine')
    await pass(300)
    const republish = { src: 'mine.r.>', dest: 'mine.f.>' }
    await streams.streams.add({ ...mine, republish, allow_direct: true, allow_rollup_hdrs: true, max_age: 0 })
    await until(() => broker.status === 'up', 'the stream', 3_000)
    expect(await broker.publish(log('a'), { body })).toEqual([expect.any(String), 1])
  })

  test('one that shall keep everything thrice needs an engine that can', async () => {
    const broker = open({ prefix: 'thrice', replicas: 3 })
    const error = await broker.publish(log('a'), { body }).catch(error => error)
    expect(error).toMatchObject(NOT_DONE)
    const { connection } = await engine.admin()
    const isOld = /^2\.(\d|10)\./.test(connection.info?.version ?? '')
    expect(error.cause.message).toMatch(
      isOld
        ? /needs nats-server 2\.11 or newer to keep a stream on several servers, and this is/
        : /replicas > 1 not supported in non-clustered mode/,
    )
  })

  test('one whose engine has no JetStream says so', async () => {
    const plain = await NatsServer.start([])
    others.push(plain)
    const broker = keep(nats(plain.client))
    const error = await broker.publish(log('a'), { body }).catch(error => error)
    expect(error).toMatchObject(NOT_DONE)
    expect(error.cause.message).toMatch(/jetstream/i)
  })

  test('what is over is taken out of the stream a day later, by one of all, and what is alive stays', async () => {
    const clock = new LeapingClock()
    const [broker, ...others] = [open({ clock }), open({ clock }), open({ clock })]
    const ends = log('ends', { seconds: 60 })
    const latest = { name: 'latest', retain: LATEST }
    const left = { name: 'left', retain: LATEST }
    await broker.publish(ends, { body })
    await broker.publish({ name: 'none', retain: NONE }, { body, idempotencyKey: 'once' })
    await broker.publish(log('stays'), { body })
    await broker.heads([log('looked at'), log('followed')])
    for (const key of ['x', 'y']) await broker.publish(latest, { key, body })
    await broker.publish(left, { key: 'x', body, leaseMs: 30_000 })
    for (const each of others) await each.heads([log('stays')])
    clock.leap(23 * HOUR)
    await broker.heads([log('followed')])
    expect(Object.keys(await stored())).toEqual(expect.arrayContaining(['tautline.r.ends', 'tautline.r.none']))
    clock.leap(2 * HOUR)
    const names = async () => Object.keys(await stored()).map(subject => subject.replace('tautline.r.', ''))
    await expect
      .poll(async () => (await names()).sort())
      .toEqual(['==clock', '==janitor', 'followed', 'latest', 'stays'])
    expect(await offsets(broker, latest)).toEqual([1, 2])
    expect(await broker.publish(ends, { body })).toEqual([expect.any(String), 1])
  })

  test('what a full stream refuses was not done', async () => {
    const { streams } = await engine.admin()
    await streams.streams.add({
      name: 'full',
      subjects: ['full.r.>'],
      republish: { src: 'full.r.>', dest: 'full.f.>' },
      allow_direct: true,
      allow_rollup_hdrs: true,
      max_msgs: 3,
      discard: 'new',
    })
    const broker = open({ prefix: 'full' })
    for (let i = 0; i < 2; i++) await broker.publish(log('a'), { body })
    await expect(broker.publish(log('a'), { body })).rejects.toMatchObject(NOT_DONE)
    await streams.streams.update('full', { max_msgs: 10 })
    expect(await broker.publish(log('a'), { body })).toEqual([expect.any(String), 3])
  })
})
