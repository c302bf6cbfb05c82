import type { Broker, BrokerChannel, Retention } from '@tautline/server'
import { Cluster, Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { until } from '../../../test/support/house.ts'
import { LeapingClock } from '../../../test/support/leaping-clock.ts'
import { settingsOf } from '../src/options.ts'
import { RedisBroker, redis } from '../src/redis.ts'
import { RedisServer, tool } from './support/redis-server.ts'

const LATEST: Retention = { kind: 'latest', count: 100, seconds: Number.POSITIVE_INFINITY }
const ALL = { messages: 1_000, bytes: 1_000_000 }
const NOT_DONE = { code: 'UNAVAILABLE', mayHaveRun: false }
const body = new Uint8Array(100)

function log(name: string, more: Partial<Extract<Retention, { kind: 'log' }>> = {}): BrokerChannel {
  return { name, retain: { kind: 'log', count: 100, seconds: Number.POSITIVE_INFINITY, ...more } }
}

tool.describe('a broker on Redis', () => {
  let engine: RedisServer
  const brokers: Broker[] = []

  beforeAll(async () => {
    engine = await RedisServer.start(['--enable-debug-command', 'local'])
  })

  afterEach(async () => {
    await Promise.all(brokers.splice(0).map(broker => broker.close()))
    await engine.admin.flushall()
  })

  afterAll(() => engine.end())

  function keep<B extends Broker>(broker: B): B {
    brokers.push(broker)
    return broker
  }
  const open = (options = {}) => keep(redis(engine.client(), options))
  const keys = async () => (await engine.admin.keys('*')).sort()

  test('refuses what is no client of ioredis, and one that would put keys elsewhere', () => {
    expect(() => redis({} as never)).toThrow(/needs a client of ioredis/)
    expect(() => redis(new Redis({ lazyConnect: true, keyPrefix: 'app:' }))).toThrow(
      /use redis\(client, \{ prefix \}\)/,
    )
    const cluster = new Cluster([], { lazyConnect: true, redisOptions: { keyPrefix: 'app:' } })
    expect(() => redis(cluster)).toThrow(/keyPrefix/)
    expect(() => open({ prefix: '{a}' })).toThrow(/prefix/)
    expect(() => open({ channelBytes: 0 })).toThrow(/channelBytes/)
  })

  test('leaves the client alone that it was given', async () => {
    const client = engine.client()
    const broker = redis(client)
    await broker.publish(log('a'), { body })
    expect(client.status).toBe('wait')
    await broker.close()
    expect(client.status).toBe('wait')
  })

  test('closes all that it opened', async () => {
    const broker = redis(engine.client())
    await broker.subscribe(log('a'), () => undefined)
    const clients = async () =>
      String(await engine.admin.client('LIST'))
        .trim()
        .split('\n').length
    expect(await clients()).toBe(3)
    await broker.close()
    await expect.poll(clients).toBe(1)
  })

  test('keeps apart what prefixes and databases keep apart', async () => {
    const told: string[] = []
    const other = keep(redis(new Redis({ port: engine.port, host: '127.0.0.1', lazyConnect: true, db: 1 })))
    for (const [name, broker] of Object.entries({ here: open(), other, named: open({ prefix: 'named' }) })) {
      await broker.subscribe(log('a'), () => void told.push(name))
      await broker.publish(log('a'), { body })
    }
    await until(() => told.length === 3, 'three changes')
    expect(told).toEqual(['here', 'other', 'named'])
  })

  test('is not disturbed by what others publish on its channels', async () => {
    const broker = open()
    const told: number[] = []
    await broker.subscribe(log('a'), (_, { offset }) => void told.push(offset))
    for (const junk of ['', 'hello', '\n', 'a b c d e\n', `${'x'.repeat(1_000)}\n`, 'e 1 r - - x\n']) {
      await engine.admin.publish('tautline:{a}:feed:0', junk)
    }
    await broker.publish(log('a'), { body })
    await until(() => told.length === 1, 'a change')
    expect(told).toEqual([1])
  })

  test('leaves nothing in the engine for ever that was declared to end', async () => {
    const broker = open()
    const short = log('short', { seconds: 10 })
    const latest = { name: 'latest', retain: LATEST }
    await broker.publish(short, { body, idempotencyKey: 'once' })
    await broker.heads([log('looked-at')])
    await broker.publish(latest, { key: 'x', body, leaseMs: 30_000 })
    await broker.publish({ name: 'none', retain: { kind: 'none' } }, { body, idempotencyKey: 'once' })
    const ends = async (key: string) => (await engine.admin.pttl(key)) > 0
    for (const key of await keys()) expect([key, await ends(key)]).toEqual([key, true])
    expect(await engine.admin.pttl('tautline:{short}:meta')).toBeGreaterThan(
      10 * (await engine.admin.pttl('tautline:{short}:log')),
    )
    await broker.publish(latest, { key: 'y', body })
    expect(await ends('tautline:{latest}:meta')).toBe(false)
    for (const key of ['x', 'y']) await broker.publish(latest, { key })
    for (const key of await keys()) expect([key, await ends(key)]).toEqual([key, true])
  })

  test('a log that is declared anew, with an end or without one, keeps what it has for as long as it says now', async () => {
    const broker = open()
    const [endless, ending] = [log('a'), log('a', { seconds: 1_000 })]
    const ends = async () => Promise.all((await keys()).map(async key => (await engine.admin.pttl(key)) > 0))
    for (let i = 0; i < 3; i++) await broker.publish(endless, { body })
    expect(await ends()).toEqual([false, false])
    for (const [channel, end] of [
      [ending, true],
      [endless, false],
      [ending, true],
    ] as const) {
      await broker.publish(channel, { body })
      expect(await ends()).toEqual([end, end])
    }
    expect(await broker.read(ending, { after: 0 }, ALL)).toMatchObject({ floor: 0, head: 6 })
  })

  test.each([
    ['log', 'meta'],
    ['log', 'log'],
    ['latest', 'meta'],
    ['latest', 'order'],
    ['latest', 'values'],
    ['latest', 'gone'],
    ['latest', 'due'],
  ])('a %s of which the engine evicted the key %s begins a new epoch', async (kind, key) => {
    const broker = open()
    const channel = kind === 'log' ? log('a') : { name: 'a', retain: LATEST }
    await broker.publish(channel, { key: 'x', body })
    await broker.publish(channel, { key: 'y', body })
    const [before] = await broker.publish(channel, { key: kind === 'log' ? 'y' : 'x' })
    await engine.admin.del(`tautline:{a}:${key}`)
    const page = await broker.read(channel, { after: 0 }, ALL)
    expect(page).toMatchObject({ head: 0, changes: [] })
    expect(page.epoch).not.toBe(before)
    expect(await broker.publish(channel, { key: 'z', body })).toEqual([page.epoch, 1])
  })

  test('a log of which somebody else has trimmed something begins a new epoch', async () => {
    const broker = open()
    for (let i = 0; i < 3; i++) await broker.publish(log('a'), { body })
    const { epoch } = await broker.read(log('a'), { after: 0 }, ALL)
    await engine.admin.xtrim('tautline:{a}:log', 'MAXLEN', 2)
    expect((await broker.heads([log('a')]))[0]).toEqual([expect.not.stringMatching(epoch), 0])
    for (let i = 0; i < 3; i++) await broker.publish(log('b'), { body })
    const [before] = await broker.publish(log('b'), { body })
    await engine.admin.xtrim('tautline:{b}:log', 'MAXLEN', 2)
    expect(await broker.publish(log('b'), { body })).toEqual([expect.not.stringMatching(`${before}`), 1])
  })

  test('each message of a log with an end puts off the end of its keys', async () => {
    const broker = open()
    const ending = log('a', { seconds: 10 })
    for (let i = 0; i < 4; i++) {
      for (const key of await keys()) await engine.admin.pexpire(key, 5_000)
      await broker.publish(ending, { body })
      expect(await engine.admin.pttl('tautline:{a}:log')).toBeGreaterThan(60_000)
      expect(await engine.admin.pttl('tautline:{a}:meta')).toBeGreaterThan(86_400_000)
    }
  })

  test('a log is trimmed some messages at a time, and nobody who reads is shown more than it may keep', async () => {
    const broker = open()
    const channel = log('a')
    await Promise.all(Array.from({ length: 512 }, () => broker.publish(channel, { body })))
    expect(await engine.admin.xlen('tautline:{a}:log')).toBe(109)
    const page = await broker.read(channel, { after: 0 }, ALL)
    expect(page).toMatchObject({ floor: 412, head: 512, through: 512 })
    expect(page.changes).toHaveLength(100)
    expect(await engine.admin.xlen('tautline:{a}:log')).toBe(100)
  })

  test('a lease that was let go is found by whoever follows, also where nobody asks', async () => {
    const clock = new LeapingClock()
    const broker = keep(new RedisBroker(engine.client(), settingsOf({ clock }), () => clock.ahead))
    const gone = open()
    const channel = { name: 'a', retain: LATEST }
    const told: string[] = []
    await broker.subscribe(channel, (_, { key, body }) => void told.push(`${key}${body ? '' : ' gone'}`))
    await gone.publish(channel, { key: 'x', body, leaseMs: 30_000 })
    await gone.close()
    await until(() => told.length === 1, 'the message')
    clock.leap(29_000)
    await broker.heads([channel])
    expect(told).toEqual(['x'])
    clock.leap(1_200)
    await until(() => told.length === 2, 'the end of the lease')
    expect(told).toEqual(['x', 'x gone'])
  })

  test('one whose engine is stopped takes so much and no more, and settles all of it', {
    timeout: 20_000,
  }, async () => {
    const broker = open()
    await broker.publish(log('a'), { body })
    engine.signal('SIGSTOP')
    try {
      const refused = { atOnce: 0, late: 0 }
      const codes = new Set<string>()
      const began = performance.now()
      let firstLate = Number.POSITIVE_INFINITY
      const before = process.memoryUsage()
      const all = Array.from({ length: 30_000 }, async () => {
        const error = await broker.publish(log('a'), { body }).catch(error => error)
        codes.add(error.code)
        refused[error.mayHaveRun ? 'late' : 'atOnce'] += 1
        if (error.mayHaveRun) firstLate = Math.min(firstLate, performance.now())
      })
      await until(() => refused.atOnce > 0, 'refusals')
      await Promise.all(all)
      expect(firstLate - began).toBeLessThan(8_000)
      expect([...codes]).toEqual(['UNAVAILABLE'])
      expect(refused).toEqual({ atOnce: 10_000, late: 20_000 })
      expect(process.memoryUsage().arrayBuffers - before.arrayBuffers).toBeLessThan(64 * 1_024 * 1_024)
    } finally {
      engine.signal('SIGCONT')
    }
    await until(() => broker.status === 'up', 'the engine', 5_000)
  })

  test('what a full engine refuses was not done', async () => {
    const broker = open()
    await broker.publish(log('a'), { body })
    await engine.admin.config('SET', 'maxmemory', '1')
    try {
      await expect(broker.publish(log('a'), { body })).rejects.toMatchObject(NOT_DONE)
    } finally {
      await engine.admin.config('SET', 'maxmemory', '0')
    }
    expect(await broker.publish(log('a'), { body })).toEqual([expect.any(String), 2])
  })

  test('scripts that the engine has forgotten are brought again', async () => {
    const broker = open()
    await broker.publish(log('a'), { body })
    await engine.admin.script('FLUSH')
    expect(await broker.publish(log('a'), { body })).toEqual([expect.any(String), 2])
  })
})
