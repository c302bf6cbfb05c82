import { afterAll, beforeAll, expect } from 'vitest'
import { engineSuite } from '../../../test/support/engine-suite.ts'
import { LeapingClock } from '../../../test/support/leaping-clock.ts'
import { brokerSuite } from '../../server/test/broker-suite.ts'
import { settingsOf } from '../src/options.ts'
import { RedisBroker, redis } from '../src/redis.ts'
import { RedisServer, tool } from './support/redis-server.ts'

tool.describe('a broker on Redis', () => {
  let engine: RedisServer

  beforeAll(async () => {
    engine = await RedisServer.start()
  })

  afterAll(() => engine.end())

  brokerSuite('redis', async () => {
    const clock = new LeapingClock()
    const client = engine.client()
    return {
      broker: new RedisBroker(client, settingsOf({ clock }), () => clock.ahead),
      advance: async ms => clock.leap(ms),
      wipe: async () => void (await engine.admin.flushall()),
      end: async () => {
        client.disconnect()
        expect(clock.pending, 'timers left over').toBe(0)
      },
    }
  })
})

tool.describe('on a Redis of its own, a broker', () => {
  engineSuite(async () => {
    const engine = await RedisServer.start()
    return {
      engine,
      broker: options => redis(engine.client(), options),
      feeds: async () => (await engine.admin.pubsub('CHANNELS', '*')).map(String),
    }
  })
})
