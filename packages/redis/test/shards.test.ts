import type { Broker, BrokerChannel } from '@tautline/server'
import * as fc from 'fast-check'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Chaos } from '../../../test/support/chaos.ts'
import { House, pass, until } from '../../../test/support/house.ts'
import { keysOf } from '../src/keys.ts'
import { redis } from '../src/redis.ts'
import { slotOf } from '../src/slots.ts'
import { RedisCluster } from './support/redis-cluster.ts'
import { type RedisServer, tool } from './support/redis-server.ts'

const NONE = { kind: 'none' } as const
const LOG = { kind: 'log', count: 100, seconds: Number.POSITIVE_INFINITY } as const
const body = new Uint8Array(100)
/** Channels of all masters. */
const NAMES = Array.from({ length: 12 }, (_, i) => `room ${i}`)

tool.describe('a cluster that tells by shards', () => {
  let engine: RedisCluster
  const brokers: Broker[] = []

  beforeAll(async () => {
    engine = await RedisCluster.start()
  }, 20_000)

  afterEach(async () => {
    await Promise.all(brokers.splice(0).map(broker => broker.close()))
    await engine.flush()
  })

  afterAll(() => engine.end())

  function open(options = {}): Broker {
    const broker = redis(engine.client(), options)
    brokers.push(broker)
    return broker
  }

  test('of which one master is gone looks at the channels of all others', { timeout: 30_000 }, async () => {
    const some = await RedisCluster.start(3, ['--cluster-require-full-coverage', 'no'])
    const broker = redis(some.client())
    try {
      const channels = NAMES.map(name => ({ name, retain: LOG }))
      for (const channel of channels) await broker.publish(channel, { body })
      const [gone] = some.nodes
      const homes = await Promise.all(
        channels.map(channel => some.masterOf(slotOf(keysOf('tautline', 0, channel).feed))),
      )
      await gone?.kill()
      const heads = await broker.heads(channels)
      expect(heads.map(head => head?.[1])).toEqual(homes.map(home => (home === gone ? undefined : 1)))
      await expect(broker.heads(channels.filter((_, i) => homes[i] === gone))).rejects.toMatchObject({
        code: 'UNAVAILABLE',
      })
    } finally {
      await broker.close()
      await some.end()
    }
  })

  /** How often a broker heard of a channel. */
  async function hear(broker: Broker, channel: BrokerChannel): Promise<{ times: number }> {
    const heard = { times: 0 }
    await broker.subscribe(channel, () => {
      heard.times += 1
    })
    return heard
  }

  /** A master that a channel is not on. */
  async function otherMaster(slot: number): Promise<RedisServer> {
    const master = await engine.masterOf(slot)
    const other = engine.nodes.find(node => node !== master)
    if (!other) throw new Error('a cluster of one')
    return other
  }

  const slotOfChannel = (name: string) => slotOf(keysOf('tautline', 0, { name, retain: LOG }).feed)

  test('knows the slot of any name', async () => {
    const node = engine.nodes[0]?.admin
    const name = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom('{', '}', 'a', 'é', '😀') }))
    await fc.assert(
      fc.asyncProperty(name, async key => {
        expect(slotOf(key)).toBe(await node?.call('CLUSTER', 'KEYSLOT', key))
      }),
    )
  })

  test.each([
    ['none', NONE],
    ['log', LOG],
  ])('brings each message of what retains %s to all who listen, and none to another node', async (_, retain) => {
    const [a, b] = [open(), open()]
    const heard = await Promise.all(NAMES.flatMap(name => [a, b].map(broker => hear(broker, { name, retain }))))
    const before = await engine.told()
    for (const name of NAMES) for (const broker of [a, b]) await broker.publish({ name, retain }, { body })
    await until(() => heard.every(({ times }) => times === 2), 'all messages')
    expect(await engine.told()).toBe(before)
  })

  test('hears whoever does not, and is heard by them', async () => {
    const [sharded, plain] = [open(), open({ sharded: false })]
    for (const retain of [NONE, LOG]) {
      const heard = await Promise.all([sharded, plain].map(broker => hear(broker, { name: 'mixed', retain })))
      const before = await engine.told()
      for (const broker of [sharded, plain]) await broker.publish({ name: 'mixed', retain }, { body })
      await until(() => heard.every(({ times }) => times === 2), 'both messages')
      expect(await engine.told()).toBeGreaterThan(before)
    }
    expect(() => open({ sharded: 'yes' })).toThrow(/sharded must be true or false/)
  })

  test('is left with the last who listens', async () => {
    const broker = open()
    const feeds = await Promise.all([1, 2].map(() => broker.subscribe({ name: 'a', retain: LOG }, () => undefined)))
    const channels = async () => (await engine.masterOf(slotOfChannel('a'))).admin.call('PUBSUB', 'SHARDCHANNELS')
    expect(await channels()).toEqual(['tautline:{a}:feed:0'])
    feeds[0]?.close()
    expect(await channels()).toHaveLength(1)
    feeds[1]?.close()
    await expect.poll(channels).toEqual([])
  })

  test('hears again who comes back at once', async () => {
    const broker = open()
    for (let i = 0; i < 5; i++) {
      const heard = { times: 0 }
      const feed = await broker.subscribe({ name: 'a', retain: NONE }, () => void heard.times++)
      await broker.publish({ name: 'a', retain: NONE }, { body })
      await until(() => heard.times === 1, 'a message')
      feed.close()
    }
  })

  test('is heard again within 2 s of a lost connection, and positions are compared', { timeout: 20_000 }, async () => {
    const [a, b] = [open(), open()]
    const heard = await Promise.all(NAMES.map(name => hear(b, { name, retain: NONE })))
    let compared = 0
    b.onStatus(status => {
      if (status === 'up') compared += 1
    })
    for (const { admin } of engine.nodes) {
      const before = compared
      await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub', 'SKIPME', 'yes')
      await until(() => compared > before, 'comparison')
      await heardAgain(a, heard)
    }
  })

  test('is asked again for all of many channels', { timeout: 20_000 }, async () => {
    const broker = open()
    const names = Array.from({ length: 2_000 }, (_, i) => `one of many ${i}`)
    await Promise.all(names.map(name => broker.subscribe({ name, retain: NONE }, () => undefined)))
    const count = async () => {
      const lists = await Promise.all(engine.nodes.map(({ admin }) => admin.call('PUBSUB', 'SHARDCHANNELS')))
      return lists.flat().length
    }
    expect(await count()).toBe(names.length)
    for (const { admin } of engine.nodes) await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub', 'SKIPME', 'yes')
    expect(await count()).toBe(0)
    await expect.poll(count, { timeout: 5_000 }).toBe(names.length)
    await broker.close()
    await expect.poll(count).toBe(0)
  })

  test('is heard again when all connections to it have fallen silent', { timeout: 20_000 }, async () => {
    const proxies = await Promise.all(engine.nodes.map(({ port }) => Chaos.open(() => port, 1)))
    const natMap = Object.fromEntries(
      engine.nodes.map((node, i) => [`127.0.0.1:${node.port}`, { host: '127.0.0.1', port: proxies[i]?.port ?? 0 }]),
    )
    const [a, b] = [open(), redis(engine.client({ natMap }))]
    try {
      const heard = await Promise.all(NAMES.map(name => hear(b, { name, retain: NONE })))
      await heardAgain(a, heard)
      for (const proxy of proxies) proxy.halfOpen()
      await heardAgain(a, heard, 8_000)
      const slot = slotOfChannel('room 1')
      await engine.move(slot, await otherMaster(slot))
      await heardAgain(a, heard)
    } finally {
      await b.close()
      await Promise.all(proxies.map(proxy => proxy.close()))
    }
  })

  test('is heard where its slot moves to, and of no slot twice', { timeout: 20_000 }, async () => {
    const [a, b] = [open(), open()]
    const heard = await Promise.all(NAMES.map(name => hear(b, { name, retain: NONE })))
    // There and back, and both at once: whoever looks in between sees that nothing has changed.
    for (const name of ['room 1', 'room 2', 'room 1', 'room 2', 'room 1']) {
      const slot = slotOfChannel(name)
      const home = await engine.masterOf(slot)
      await engine.move(slot, await otherMaster(slot))
      if (name === 'room 2') await engine.move(slot, home)
      await heardAgain(a, heard)
    }
  })

  test('follows who begins to listen after a slot has moved', async () => {
    const [a, b] = [open(), open()]
    await hear(b, { name: 'room 1', retain: NONE })
    const slot = slotOfChannel('room 3')
    await engine.move(slot, await otherMaster(slot))
    const heard = await hear(b, { name: 'room 3', retain: NONE })
    await a.publish({ name: 'room 3', retain: NONE }, { body })
    await until(() => heard.times === 1, 'a message')
  })

  /** Each channel brings a message within 2 s; then just as many as are published. */
  async function heardAgain(from: Broker, heard: readonly { times: number }[], patienceMs = 2_000): Promise<void> {
    const publish = () => Promise.all(NAMES.map(name => from.publish({ name, retain: NONE }, { body })))
    const before = heard.map(({ times }) => times)
    const end = performance.now() + patienceMs
    while (!heard.every(({ times }, i) => times > (before[i] ?? 0))) {
      expect(performance.now(), 'ms until all is heard').toBeLessThan(end)
      await publish()
      await pass(50)
    }
    const then = heard.map(({ times }) => times)
    await publish()
    await until(() => heard.every(({ times }, i) => times > (then[i] ?? 0)), 'the last message of each')
    await pass(50)
    expect(heard.map(({ times }) => times)).toEqual(then.map(times => times + 1))
  }
})

tool.describe('two servers on a cluster', () => {
  test('whose slots move while all publish lose nothing', { timeout: 40_000 }, async () => {
    const engine = await RedisCluster.start()
    const house = new House()
    try {
      await house.open(() => redis(engine.client()))
      await house.goesOn()
      const [slot] = await slotsInUse(engine)
      for (let i = 0; i < 2 * engine.nodes.length; i++) {
        const target = engine.nodes[i % engine.nodes.length]
        if (!target || target === (await engine.masterOf(slot ?? 0))) continue
        await engine.move(slot ?? 0, target)
        expect(await house.goesOn()).toBeLessThan(2_000)
      }
      await house.verdict()
    } finally {
      await house.end()
      await engine.end()
    }
  })
})

/** Slots with a log that is being followed. */
async function slotsInUse(engine: RedisCluster): Promise<readonly number[]> {
  const keys = await Promise.all(engine.nodes.map(({ admin }) => admin.keys('*lobby*:log')))
  return keys.flat().map(slotOf)
}
