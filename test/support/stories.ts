import * as fc from 'fast-check'
import { World } from './world.ts'

const ms = fc.constantFrom(0, 5, 50, 500, 3_000)
const room = fc.constantFrom('a', 'b')
const topic = fc.constantFrom('log' as const, 'live' as const, 'newest' as const)
const way = fc.constantFrom('up' as const, 'down' as const)

/** What may happen; everything else is the business of the ones who promise. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('call' as const), ms }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('keyed call' as const), ms }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('idempotent call' as const), ms }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancelled call' as const), ms }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('down' as const), count: fc.nat(600), ms: fc.constantFrom(0, 0, 20) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('up' as const), count: fc.nat(2_000), ms: fc.constantFrom(0, 0, 20) }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('subscribe' as const), topic, room }) },
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant('publish' as const), topic, room, times: fc.integer({ min: 1, max: 30 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 15, 100, 2_000, 12_000) }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('cut' as const) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('cut after' as const), way, bytes: fc.nat(3_000) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('hold' as const),
      way: fc.constantFrom('up' as const, 'down' as const, 'both' as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('slow' as const), way, bytesPerSecond: fc.constantFrom(500, 20_000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('away' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), remember: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drain' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('expire' as const), ms: fc.constantFrom(500, 20_000) }) },
)

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

async function take(world: World, who: number, one: Step, index: number): Promise<void> {
  const client = world.clients[who]
  if (!client) throw new Error('no such client')
  switch (one.do) {
    case 'call':
      return world.call(client, 'once', one.ms)
    case 'keyed call':
      return world.call(client, 'once', one.ms, `key ${index}`)
    case 'idempotent call':
      return world.call(client, 'again', one.ms)
    case 'cancelled call':
      return world.cancel(client, one.ms)
    case 'down':
      return world.down(client, one.count, one.ms)
    case 'up':
      return world.up(client, one.count, one.ms)
    case 'subscribe':
      return world.subscribe(client, one.topic, one.room)
    case 'publish':
      return world.publish(client, one.topic, one.room, one.times)
    case 'wait':
      return world.network.advance(one.ms)
    case 'cut':
      return client.line.cut()
    case 'cut after':
      return client.line.cutAfter(one.way, one.bytes)
    case 'hold':
      return client.line.hold(one.way)
    case 'release':
      return client.line.release()
    case 'slow':
      client.line[one.way].bytesPerSecond = one.bytesPerSecond
      return
    case 'away': {
      client.line.hold()
      await world.network.advance(40_000)
      client.line.cut()
      return client.line.release()
    }
    case 'forget':
      return world.forget()
    case 'restart':
      return world.restart(one.remember)
    case 'drain':
      return world.drain()
    case 'expire':
      return world.expire(one.ms)
  }
}

/** Plays one story to its end, and says what was wrong with it. */
export async function play(seed: number, story: readonly (readonly [who: number, step: Step])[]): Promise<string[]> {
  const world = await World.start(seed)
  for (const [index, [who, one]] of story.entries()) await take(world, who, one, index)
  const verdict = await world.finish()
  return Object.entries(verdict).flatMap(([promise, breaches]) => breaches.map(breach => `${promise}: ${breach}`))
}

/** Every story that two clients can tell, of up to 60 steps: whatever happens in it, nothing may be wrong with it. */
export const stories = fc.asyncProperty(
  fc.nat(),
  fc.array(fc.tuple(fc.nat(1), step), { maxLength: 60, size: 'max' }),
  async (seed, story) => {
    const wrong = await play(seed, story)
    if (wrong.length > 0) throw new Error(wrong.slice(0, 10).join('\n'))
  },
)
