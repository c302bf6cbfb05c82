import { serversSuite } from '../../../test/support/servers-suite.ts'
import { settingsOf } from '../src/options.ts'
import { RedisBroker, redis } from '../src/redis.ts'
import { RedisServer, tool } from './support/redis-server.ts'

tool.describe('servers that share a Redis', () => {
  serversSuite(async () => {
    const engine = await RedisServer.start()
    return {
      broker: clock =>
        clock ? new RedisBroker(engine.client(), settingsOf({ clock }), () => clock.ahead) : redis(engine.client()),
      end: () => engine.end(),
    }
  })
})
