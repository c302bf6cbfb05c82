import { afterAll, beforeAll, expect } from 'vitest'
import { LeapingClock } from '../../../test/support/leaping-clock.ts'
import { brokerSuite } from '../../server/test/broker-suite.ts'
import { NatsBroker } from '../src/nats.ts'
import { settingsOf } from '../src/options.ts'
import { NatsServer, tool } from './support/nats-server.ts'

tool.describe('a broker on NATS', () => {
  let engine: NatsServer

  beforeAll(async () => {
    engine = await NatsServer.start()
  })

  afterAll(() => engine.end())

  brokerSuite('nats', async () => {
    const clock = new LeapingClock()
    return {
      broker: new NatsBroker(engine.client, settingsOf({ clock })),
      advance: async ms => clock.leap(ms),
      wipe: async () => void (await (await engine.admin()).streams.streams.delete('tautline')),
      end: async () => expect(clock.pending, 'timers left over').toBe(0),
    }
  })
})
