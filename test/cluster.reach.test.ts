import { type Broker, publisher, type ServeOptions, TautlineError } from '@tautline/server'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { arena } from './support/arena.ts'
import { brokerOn, Engine, engineAsked, isAway } from './support/engines.ts'
import type { Player } from './support/player.ts'
import { NOTHING_WRONG, RealWorld, until } from './support/real-world.ts'
import { requireTool } from './support/requires.ts'

const name = engineAsked()

/** Here is a server of this process, there is one of another process, and who works serves nobody. */
requireTool(name).describe(`anywhere on ${name}`, () => {
  let engine: Engine
  const brokers: Broker[] = []

  beforeAll(async () => {
    engine = await Engine.start(name)
  }, 60_000)
  afterAll(async () => {
    await Promise.all(brokers.map(broker => broker.close()))
    await engine.end()
  })

  async function broker(): Promise<Broker> {
    const made = await brokerOn(engine)
    brokers.push(made)
    return made
  }
  async function serveHere(world: RealWorld, options: Partial<ServeOptions<undefined>> = {}) {
    const onError = (error: unknown) => isAway(error) || world.problem(`onError: ${error}`)
    const server = await world.serve({ broker: await broker(), onError, ...options })
    return { server, line: await world.line(server) }
  }
  async function serveThere(world: RealWorld) {
    const server = await world.spawn({ engine })
    return { server, line: await world.line(server) }
  }

  test('server.publish and server.retract reach the clients of another process', { timeout: 60_000 }, async () => {
    const world = new RealWorld(1)
    const [here, there] = [await serveHere(world), await serveThere(world)]
    const news = await follow(world.player('ada', there.line), 'by server')
    await tell(here.server, 'by server')
    await until(() => news.length === 5, 'all news')
    expect(news).toEqual(NEWS)
    expect(await world.finish()).toEqual(NOTHING_WRONG)
  })

  test('a publisher in a process that serves nobody reaches the clients of all', { timeout: 60_000 }, async () => {
    const world = new RealWorld(2)
    const places = [await serveThere(world), await serveThere(world)]
    const all = places.map(({ line }, i) => follow(world.player(`ada ${i}`, line), 'by worker'))
    const news = await Promise.all(all)
    await tell(publisher(arena, await broker()), 'by worker')
    await until(() => news.every(({ length }) => length === 5), 'all news')
    for (const each of news) expect(each).toEqual(NEWS)
    expect(await world.finish()).toEqual(NOTHING_WRONG)
  })

  test('a publisher that asks twice with a key has published once', { timeout: 60_000 }, async () => {
    const world = new RealWorld(3)
    const there = await serveThere(world)
    const news = await follow(world.player('ada', there.line), 'twice')
    const [one, other] = [publisher(arena, await broker()), publisher(arena, await broker())]
    const publish = ({ publish }: typeof one, seq: number, idempotencyKey: string) =>
      publish(arena.log, { room: 'twice' }, { producer: 'x', seq }, { idempotencyKey })
    const positions = await Promise.all([one, other, one].map(each => publish(each, 1, 'the same')))
    expect(new Set(positions).size).toBe(1)
    await publish(other, 2, 'another')
    await until(() => news.includes('log x 2'), 'the last one')
    expect(news).toEqual(['log x 1', 'log x 2'])
    expect(await world.finish()).toEqual(NOTHING_WRONG)
  })

  test('server.disconnect ends sessions in another process, those too whose client is away', {
    timeout: 60_000,
  }, async () => {
    const world = new RealWorld(4)
    const [here, there] = [await serveHere(world), await serveThere(world)]
    const away = await world.line(there.server)
    const [ada, lost, bob] = [
      world.player('ada', there.line),
      world.player('lost', away),
      world.player('bob', there.line),
    ]
    const LONG_MS = 4_000
    for (const player of [ada, lost, bob]) player.call('once', LONG_MS)
    await until(
      () => [ada, lost, bob].every(({ online }) => online) && world.verdict() && world.history.runs === 3,
      'calls',
    )
    away.refuse = true
    away.cut()
    await here.server.disconnect({ identity: 'ada' })
    await here.server.disconnect({ identity: 'lost' })
    await until(() => ada.failures === 1, 'the end of a session')
    // Its own server has forgotten it by the time that the one who was told the same has.
    away.refuse = false
    await until(() => lost.failures === 1, 'the end of a session that nobody was at')
    await world.rest()
    expect([ada.failures, lost.failures, bob.failures]).toEqual([1, 1, 0])
    expect([ada.online, lost.online, bob.absences.length]).toEqual([true, true, 0])
    expect(await world.finish()).toEqual(NOTHING_WRONG)
  })

  test('server.recheck ends what is no longer allowed at another server, and nothing else', {
    timeout: 60_000,
  }, async () => {
    const world = new RealWorld(5)
    const closed = new Set<string>()
    const interceptors: ServeOptions<undefined>['interceptors'] = [
      (call, next) => {
        if (closed.has(call.session?.identity ?? '')) throw new TautlineError('PERMISSION_DENIED', 'closed')
        return next()
      },
    ]
    const [here, other] = [await serveHere(world), await serveHere(world, { interceptors })]
    const refused: string[] = []
    const subscriptions = ['ada', 'bob'].map(name =>
      world
        .player(name, other.line)
        .api.log({ room: 'closed' })
        .subscribe(() => undefined, {
          onError: ({ code }) => refused.push(`${name} ${code}`),
        }),
    )
    await Promise.all(subscriptions.map(({ ready }) => ready))
    closed.add('ada').add('bob')
    await here.server.recheck({ identity: 'ada' })
    await until(() => refused.length > 0, 'a refusal')
    expect(refused).toEqual(['ada PERMISSION_DENIED'])
    expect(subscriptions.map(({ state }) => state)).toEqual(['closed', 'live'])
    expect(await world.finish()).toEqual(NOTHING_WRONG)
  })
})

/** One of everything that may be published, and a retraction. */
async function tell({ publish, retract }: Pick<ReturnType<typeof publisher>, 'publish' | 'retract'>, room: string) {
  await publish(arena.log, { room }, { producer: 'x', seq: 1 })
  await publish(arena.live, { room }, { producer: 'x', seq: 2 })
  await publish(arena.newest, { room }, { producer: 'x', seq: 3 })
  await publish(arena.newest, { room }, { producer: 'y', seq: 4 })
  await retract(arena.newest, { room }, 'x')
}

const NEWS = ['log x 1', 'live x 2', 'newest x 3', 'newest y 4', 'newest x gone']

/** Everything that one client hears of in a room. */
async function follow({ api }: Player, room: string): Promise<string[]> {
  const news: string[] = []
  const ready = (['log', 'live', 'newest'] as const).map(topic => {
    const listener = ({ producer, seq }: { producer: string; seq: number }) =>
      void news.push(`${topic} ${producer} ${seq}`)
    const onRetract = (key: string) => void news.push(`${topic} ${key} gone`)
    return api[topic]({ room }).subscribe(listener, { onRetract }).ready
  })
  await Promise.all(ready)
  return news
}
