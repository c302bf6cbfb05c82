import { afterAll, beforeAll, expect } from 'vitest'
import { engineSuite } from '../../../test/support/engine-suite.ts'
import { LeapingClock } from '../../../test/support/leaping-clock.ts'
import { brokerSuite } from '../../server/test/broker-suite.ts'
import { NatsBroker, nats } from '../src/nats.ts'
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

tool.describe('on a NATS of its own, a broker', () => {
  engineSuite(async () => {
    const engine = await NatsServer.start()
    return {
      engine,
      broker: options => nats(engine.client, options),
      feeds: async () => (await engine.subscriptions()).flat().filter(subject => subject.startsWith('tautline')),
    }
  })
})
