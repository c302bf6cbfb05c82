import { afterAll, beforeAll, expect, test } from 'vitest'
import { House, pass, until } from '../../../test/support/house.ts'
import { LeapingClock } from '../../../test/support/leaping-clock.ts'
import { brokerSuite } from '../../server/test/broker-suite.ts'
import { settingsOf } from '../src/options.ts'
import { RedisBroker, redis } from '../src/redis.ts'
import { RedisCluster } from './support/redis-cluster.ts'
import { tool } from './support/redis-server.ts'

tool.describe('a broker on a cluster of three', () => {
  let engine: RedisCluster

  beforeAll(async () => {
    engine = await RedisCluster.start()
  }, 20_000)

  afterAll(() => engine.end())

  brokerSuite('redis cluster', async () => {
    const clock = new LeapingClock()
    const client = engine.client()
    return {
      broker: new RedisBroker(client, settingsOf({ clock }), () => clock.ahead),
      advance: async ms => clock.leap(ms),
      wipe: () => engine.flush(),
      end: async () => {
        client.disconnect()
        expect(clock.pending, 'timers left over').toBe(0)
      },
    }
  })
})

tool.describe('two servers on a cluster', () => {
  test('of which each node is killed in turn lose nothing', { timeout: 60_000 }, async () => {
    const engine = await RedisCluster.start(3, ['--appendonly', 'yes', '--appendfsync', 'always'])
    const house = new House()
    try {
      await house.open(() => redis(engine.client()))
      await until(() => house.history.deliveries > 20, 'deliveries')
      for (const node of engine.nodes) {
        await node.kill()
        await pass(500)
        await node.go()
        // For two seconds after it was started a master refuses everything, and the others with it. From the write on that
        // the engine takes by hand, it is there.
        await engine.takes(node)
        expect(await house.goesOn()).toBeLessThan(2_000)
      }
      await house.verdict()
      expect(house.gaps).toEqual([])
    } finally {
      await house.end()
      await engine.end()
    }
  })

  test('in which a replica takes the place of its master, asked to and by itself, lose nothing', {
    timeout: 60_000,
  }, async () => {
    const config = ['--appendonly', 'yes', '--appendfsync', 'always', '--cluster-node-timeout', '1000']
    const engine = await RedisCluster.start(3, config)
    const house = new House()
    try {
      await house.open(() => redis(engine.client()))
      await house.goesOn()
      const master = await engine.masterOfKeys('tautline:*:log')
      const replica = await engine.addReplica(master)
      await house.goesOn()
      await replica.admin.call('CLUSTER', 'FAILOVER')
      await engine.takes(replica)
      expect(await house.goesOn()).toBeLessThan(2_000)
      expect(house.gaps).toEqual([])
      await master.follows(replica)
      await replica.kill()
      await engine.takes(master)
      expect(await house.goesOn()).toBeLessThan(2_000)
      // Replication does not wait: what the one that was killed had acknowledged and not yet passed on is a gap.
      await house.verdict()
    } finally {
      await house.end()
      await engine.end()
    }
  })
})
