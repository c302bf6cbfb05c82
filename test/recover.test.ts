import { memory } from '@tautline/server'
import { describe, expect, it } from 'vitest'
import { type CutClient, type Pair, TRANSPORTS } from './support/pair.ts'
import { rooms, roomsOn } from './support/room.ts'

const lobby = { room: 'lobby' }
const to = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, i) => first + i)

type Rooms = Awaited<ReturnType<typeof roomsOn>>

async function publish({ server }: Rooms, last: number, first = 1): Promise<void> {
  for (const n of to(last, first)) await server.publish(rooms.feed, lobby, { n })
}

/** What a listener on `short`, which keeps five messages, was told. */
function short(client: CutClient<typeof rooms>) {
  const told: unknown[] = []
  const subscription = client.api.short(lobby).subscribe(n => told.push(n), { onGap: () => told.push('gap') })
  return { told, subscription }
}

/** Cuts a client's line, does something, and lets it come back. */
async function whileAway(
  pair: Pair<typeof rooms, never>,
  client: CutClient<typeof rooms>,
  act: () => Promise<unknown>,
) {
  client.away(true)
  client.cut()
  await pair.until(() => client.connection.state.status !== 'online')
  await act()
  client.away(false)
}

describe.each(TRANSPORTS)('a subscription on %s', transport => {
  it('goes on after a drop, with everything that was published meanwhile', async () => {
    const pair = await roomsOn(transport)
    const client = pair.client()
    const heard: number[] = []
    const subscription = client.api.feed(lobby).subscribe(({ n }) => heard.push(n))
    await pair.wait(subscription.ready)
    await publish(pair, 3)
    await pair.until(() => expect(heard).toEqual(to(3)))
    await whileAway(pair as never, client, () => publish(pair, 600, 4))
    await pair.until(() => subscription.state === 'live')
    await publish(pair, 601, 601)
    await pair.until(() => expect(heard).toEqual(to(601)))
    await pair.end()
  })

  it('goes on on another session when its own is lost', async () => {
    const pair = await roomsOn(transport)
    const client = pair.client({ token: () => 'ada' })
    const heard: number[] = []
    const subscription = client.api.feed(lobby).subscribe(({ n }) => heard.push(n))
    await pair.wait(subscription.ready)
    await publish(pair, 2)
    await pair.until(() => expect(heard).toEqual(to(2)))
    await pair.server.disconnect({ identity: 'ada' })
    await publish(pair, 5, 3)
    await pair.until(() => expect(heard).toEqual(to(5)))
    await pair.end()
  })

  it('goes on at another server that has the same memory behind it', async () => {
    const broker = memory()
    const pair = await roomsOn(transport, { broker })
    const client = pair.client()
    const heard: number[] = []
    const gaps: unknown[] = []
    const subscription = client.api.feed(lobby).subscribe(({ n }) => heard.push(n), { onGap: gap => gaps.push(gap) })
    await pair.wait(subscription.ready)
    await publish(pair, 5)
    await whileAway(pair as never, client, async () => {
      await pair.restart()
      await publish(pair, 9, 6)
    })
    await pair.until(() => expect(heard).toEqual(to(9)))
    expect(gaps).toEqual([])
    await pair.end()
    await broker.close()
  })

  it('hears of a gap first when the memory is another one', async () => {
    const pair = await roomsOn(transport)
    const client = pair.client()
    const told: unknown[] = []
    const subscription = client.api
      .feed(lobby)
      .subscribe(({ n }) => told.push(n), { onGap: ({ after, until }) => told.push([after, until]) })
    await pair.wait(subscription.ready)
    await publish(pair, 3)
    await pair.until(() => expect(told).toEqual(to(3)))
    const { position } = subscription
    await whileAway(pair as never, client, async () => {
      await pair.restart()
      await publish(pair, 8, 7)
    })
    await pair.until(() => expect(told).toHaveLength(6))
    expect(told).toEqual([1, 2, 3, [position, expect.any(String)], 7, 8])
    await pair.end()
  })

  it('hears of a gap first when it was away for longer than the topic remembers', async () => {
    const pair = await roomsOn(transport)
    const client = pair.client()
    const { told, subscription } = short(client)
    await pair.wait(subscription.ready)
    await pair.server.publish(rooms.short, lobby, 1)
    await pair.until(() => expect(told).toEqual([1]))
    await whileAway(pair as never, client, async () => {
      for (const n of to(6, 2)) await pair.server.publish(rooms.short, lobby, n)
    })
    await pair.until(() => expect(told).toEqual(to(6)))
    await whileAway(pair as never, client, async () => {
      for (const n of to(1_000, 7)) await pair.server.publish(rooms.short, lobby, n)
    })
    await pair.until(() => expect(told.at(-1)).toBe(1_000))
    const rest = told.slice(7) as number[]
    expect(told.slice(0, 7)).toEqual([...to(6), 'gap'])
    expect(rest).toEqual(to(1_000, rest[0]))
    expect(rest.length).toBeGreaterThanOrEqual(5)
    await pair.end()
  })

  it('without memory hears of a gap after every break', async () => {
    const pair = await roomsOn(transport)
    const client = pair.client()
    const told: unknown[] = []
    const subscription = client.api.pulse(lobby).subscribe(n => told.push(n), { onGap: gap => told.push(gap) })
    await pair.wait(subscription.ready)
    await pair.server.publish(rooms.pulse, lobby, 1)
    await pair.until(() => expect(told).toEqual([1]))
    await whileAway(pair as never, client, () => pair.server.publish(rooms.pulse, lobby, 2))
    await pair.until(() => subscription.state === 'live')
    await pair.server.publish(rooms.pulse, lobby, 3)
    await pair.until(() => expect(told).toEqual([1, { after: undefined, until: undefined }, 3]))
    await pair.end()
  })

  it('to the newest of each key reaches it, and hears of keys that went while it was away', async () => {
    const pair = await roomsOn(transport)
    const watcher = pair.client()
    const newest = new Map<string, number>()
    const subscription = watcher.api
      .positions(lobby)
      .subscribe(({ who, x }) => newest.set(who, x), { onRetract: who => newest.delete(who) })
    const put = (who: string, x: number) => pair.server.publish(rooms.positions, lobby, { who, x })
    await pair.wait(subscription.ready)
    for (const who of ['a', 'b', 'c']) await put(who, 1)
    await pair.until(() => expect(newest.size).toBe(3))
    await whileAway(pair as never, watcher, async () => {
      await put('a', 2)
      await put('d', 1)
      await pair.server.retract(rooms.positions, lobby, 'b')
    })
    await pair.until(() => expect(Object.fromEntries(newest)).toEqual({ a: 2, c: 1, d: 1 }))
    await pair.end()
  })

  it('and a loop lose nothing, repeat nothing and reorder nothing while their lines are cut again and again', async () => {
    const pair = await roomsOn(transport)
    const client = pair.client({ limits: { queueMessages: 20 } })
    const heard: number[] = []
    const looped: number[] = []
    const subscription = client.api.feed(lobby).subscribe(({ n }) => heard.push(n))
    const looping = (async () => {
      for await (const { n } of client.api.feed(lobby)) {
        looped.push(n)
        if (n % 10 === 0) await Promise.resolve()
        if (n === 400) return
      }
    })()
    await pair.until(() => expect(pair.server.stats().subscriptions).toBe(2))
    for (let n = 1; n <= 400; n++) {
      await pair.server.publish(rooms.feed, lobby, { n })
      if (n % 37 === 0) client.cut()
      if (n % 11 === 0) await pair.pass(7)
    }
    await pair.wait(looping)
    await pair.until(() => subscription.state === 'live' && heard.at(-1) === 400)
    expect(heard).toEqual(to(400))
    expect(looped).toEqual(to(400))
    await pair.end()
  })
})
