import { serversSuite } from '../../../test/support/servers-suite.ts'
import { nats } from '../src/nats.ts'
import { NatsServer, tool } from './support/nats-server.ts'

tool.describe('servers that share a NATS', () => {
  serversSuite(async () => {
    const engine = await NatsServer.start()
    return {
      broker: clock => nats(engine.client, clock && { clock }),
      end: () => engine.end(),
    }
  })
})
