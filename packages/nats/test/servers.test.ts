import { publisher } from '@tautline/server'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { House, rooms, until } from '../../../test/support/house.ts'
import { LeapingClock } from '../../../test/support/leaping-clock.ts'
import { nats } from '../src/nats.ts'
import { NatsServer, tool } from './support/nats-server.ts'

const LOBBY = { room: 'lobby' }

tool.describe('servers that share a NATS', () => {
  let engine: NatsServer
  let house: House

  beforeEach(async () => {
    engine = await NatsServer.start()
    house = new House()
  })

  afterEach(async () => {
    await house.end()
    await engine.end()
  })

  const serve = () => house.serve(nats(engine.client))

  test('tell the clients of all what is published on any, or by a process that serves nobody', async () => {
    const servers = [await serve(), await serve(), await serve()]
    for (const [i, server] of servers.entries()) await house.subscribe(server, `reader ${i}`)
    for (const [i, server] of servers.entries()) house.publish(server, `writer ${i}`, 2)
    house.publish(publisher(rooms, house.keep(nats(engine.client))), 'worker', 2)
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
    const message = { producer: 'x', seq: 1 }
    const once = { idempotencyKey: 'once' }
    const positions = await Promise.all([a, b, a, b].map(server => server.publish(rooms.log, LOBBY, message, once)))
    expect(new Set(positions).size).toBe(1)
  })

  test('retract anywhere what was published anywhere, and tell what retains nothing', async () => {
    const [a, b] = [await serve(), await serve()]
    const news: string[] = []
    const { api } = house.client(a, 'ada')
    const newest = api.newest(LOBBY).subscribe(({ producer, seq }) => void news.push(`${producer} ${seq}`), {
      onRetract: key => void news.push(`${key} gone`),
    })
    const live = api.live(LOBBY).subscribe(({ seq }) => void news.push(`live ${seq}`))
    await Promise.all([newest.ready, live.ready])
    await b.publish(rooms.newest, LOBBY, { producer: 'x', seq: 1 })
    await a.publish(rooms.newest, LOBBY, { producer: 'y', seq: 1 })
    await a.retract(rooms.newest, LOBBY, 'x')
    await until(() => news.length === 3, 'news')
    expect(await b.publish(rooms.live, LOBBY, { producer: 'x', seq: 2 })).toBeUndefined()
    await until(() => news.length === 4, 'more news')
    expect(news).toEqual(['x 1', 'y 1', 'x gone', 'live 2'])
  })

  test('take those out of presence whose server died, when its lease is over', async () => {
    const clock = new LeapingClock()
    const survivor = await house.serve(nats(engine.client, { clock }))
    const dying = nats(engine.client)
    const dead = await house.serve(dying)
    const lists: string[] = []
    house
      .client(survivor, 'watcher')
      .api.meeting(LOBBY)
      .presence.subscribe(members => void lists.push(members.map(({ name }) => name).join()))
    await house
      .client(dead, 'ada')
      .api.meeting(LOBBY)
      .subscribe(() => undefined).ready
    await until(() => lists.at(-1) === 'ada', 'somebody')
    // It tells nobody any more, as one that was killed.
    await dying.close()
    clock.leap(28_000)
    await survivor.publish(rooms.live, LOBBY, { producer: 'x', seq: 1 })
    expect(lists.at(-1)).toBe('ada')
    clock.leap(3_000)
    await until(() => lists.at(-1) === '', 'nobody')
  })
})
