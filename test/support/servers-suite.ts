import { type Broker, publisher } from '@tautline/server'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { House, rooms, until } from './house.ts'
import { LeapingClock } from './leaping-clock.ts'

const LOBBY = { room: 'lobby' }

/** An engine under test. */
export interface SharedEngine {
  /** Another broker on it. What falls into a leap of its clock happens at once, in the engine as well. */
  readonly broker: (clock?: LeapingClock) => Broker
  readonly end: () => Promise<unknown>
}

/** What servers that share an engine keep to, whichever it is. */
export function serversSuite(start: () => Promise<SharedEngine>): void {
  let engine: SharedEngine
  let house: House

  beforeEach(async () => {
    engine = await start()
    house = new House()
  })

  afterEach(async () => {
    await house.end()
    await engine.end()
  })

  const serve = () => house.serve(engine.broker())

  test('tell the clients of all what is published on any, or by a process that serves nobody', async () => {
    const servers = [await serve(), await serve(), await serve()]
    for (const [i, server] of servers.entries()) await house.subscribe(server, `reader ${i}`)
    for (const [i, server] of servers.entries()) house.publish(server, `writer ${i}`, 2)
    house.publish(publisher(rooms, house.keep(engine.broker())), 'worker', 2)
    await until(() => house.history.deliveries > 500, 'deliveries')
    await house.verdict()
    expect(house.outcomes).toMatchObject({ rejected: 0, unknown: 0 })
    expect(house.gaps).toEqual([])
  })

  test('hand a client that moves what it missed meanwhile, from where it was', async () => {
    const [a, b] = [await serve(), await serve()]
    const got: number[] = []
    const listen = ({ seq }: { seq: number }) => void got.push(seq)
    const first = house.client(a, 'ada').api.log(LOBBY).subscribe(listen)
    await first.ready
    const send = (seq: number) => b.publish(rooms.log, LOBBY, { producer: 'x', seq })
    for (const seq of [0, 1, 2]) await send(seq)
    await until(() => got.length === 3, 'three messages')
    const { position } = first
    first.close()
    for (const seq of [3, 4]) await send(seq)
    await house
      .client(b, 'ada')
      .api.log(LOBBY)
      .subscribe(listen, { since: position ?? '' }).ready
    await until(() => got.length === 5, 'what was missed')
    expect(got).toEqual([0, 1, 2, 3, 4])
  })

  test('publish once what comes twice with a key, on whichever', async () => {
    const [a, b] = [await serve(), await serve()]
    const got: number[] = []
    await house
      .client(a, 'ada')
      .api.log(LOBBY)
      .subscribe(({ seq }) => void got.push(seq)).ready
    const message = { producer: 'x', seq: 1 }
    const positions = await Promise.all(
      [a, b, a, b].map(server => server.publish(rooms.log, LOBBY, message, { idempotencyKey: 'once' })),
    )
    expect(new Set(positions).size).toBe(1)
    await a.publish(rooms.log, LOBBY, { producer: 'x', seq: 2 })
    await until(() => got.length === 2, 'two messages')
    expect(got).toEqual([1, 2])
  })

  test('retract anywhere what was published anywhere', async () => {
    const [a, b] = [await serve(), await serve()]
    const news: string[] = []
    const { ready } = house
      .client(a, 'ada')
      .api.newest(LOBBY)
      .subscribe(({ producer, seq }) => void news.push(`${producer} ${seq}`), {
        onRetract: key => void news.push(`${key} gone`),
      })
    await ready
    await b.publish(rooms.newest, LOBBY, { producer: 'x', seq: 1 })
    await a.publish(rooms.newest, LOBBY, { producer: 'y', seq: 1 })
    await a.retract(rooms.newest, LOBBY, 'x')
    await until(() => news.length === 3, 'news')
    expect(news).toEqual(['x 1', 'y 1', 'x gone'])
  })

  test('tell what retains nothing to all, too', async () => {
    const [a, b] = [await serve(), await serve()]
    const got: number[] = []
    for (const server of [a, b]) {
      await house
        .client(server, 'ada')
        .api.live(LOBBY)
        .subscribe(({ seq }) => void got.push(seq)).ready
    }
    expect(await a.publish(rooms.live, LOBBY, { producer: 'x', seq: 1 })).toBeUndefined()
    await until(() => got.length === 2, 'two messages')
  })

  test('know who is there on the others, and who has left', async () => {
    const [a, b] = [await serve(), await serve()]
    const lists = house.watch(a)
    await house.attend(a, 'ada')
    const bob = await house.attend(b, 'bob')
    await until(() => lists.at(-1) === 'ada,bob', 'both')
    bob.connection.close()
    await until(() => lists.at(-1) === 'ada', 'one who left')
  })

  test('end the sessions of an identity wherever they are, on a word to any of them', async () => {
    const [a, b] = [await serve(), await serve()]
    const [ada, bob] = [house.client(b, 'ada'), house.client(b, 'bob')]
    for (const { connection } of [ada, bob]) connection.open()
    await until(() => [ada, bob].every(({ connection }) => connection.state.status === 'online'), 'two sessions')
    const ends: string[] = []
    for (const [name, { connection }] of Object.entries({ ada, bob })) {
      connection.on('state', ({ status }) => void ends.push(`${name} ${status}`))
    }
    await a.disconnect({ identity: 'ada' })
    await until(() => ends.length > 0, 'an end')
    expect(new Set(ends.map(end => end.slice(0, 3)))).toEqual(new Set(['ada']))
  })

  test('ask again about the subscriptions of an identity wherever they are', async () => {
    const [a, b] = [await serve(), await serve()]
    const refused: string[] = []
    const subscriptions = ['ada', 'bob'].map(name =>
      house
        .client(b, name)
        .api.live(LOBBY)
        .subscribe(() => undefined, { onError: ({ code }) => refused.push(code) }),
    )
    await Promise.all(subscriptions.map(({ ready }) => ready))
    house.closed.add('ada')
    house.closed.add('bob')
    await a.recheck({ identity: 'ada' })
    await until(() => refused.length > 0, 'a refusal')
    expect(refused).toEqual(['PERMISSION_DENIED'])
    expect(subscriptions.map(({ state }) => state)).toEqual(['closed', 'live'])
  })

  test('take those out of presence whose server died, when its lease is over', async () => {
    const clock = new LeapingClock()
    const survivor = await house.serve(engine.broker(clock))
    const dying = engine.broker()
    const lists = house.watch(survivor)
    await house.attend(await house.serve(dying), 'ada')
    await until(() => lists.at(-1) === 'ada', 'somebody')
    // It tells nobody any more, as one that was killed.
    await dying.close()
    clock.leap(28_000)
    await survivor.publish(rooms.live, LOBBY, { producer: 'x', seq: 1 })
    expect(lists.at(-1)).toBe('ada')
    clock.leap(3_000)
    await until(() => lists.at(-1) === '', 'nobody')
  })
}
