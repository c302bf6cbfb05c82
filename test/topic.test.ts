import { connect } from '@tautline/client'
import { contract, topic } from '@tautline/core'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { TRANSPORTS } from './support/pair.ts'
import { rooms, roomsOn, setClosed } from './support/room.ts'

const lobby = { room: 'lobby' }
const to = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, i) => first + i)

describe.each(TRANSPORTS)('topics on %s', transport => {
  it('bring every message to every subscriber, in order, as the schema made it', async () => {
    const pair = await roomsOn(transport)
    const [ada, bob] = [pair.client(), pair.client()]
    const heard: unknown[][] = [[], [], []]
    const subscriptions = [ada, ada, bob].map(({ api }, i) => api.feed(lobby).subscribe(m => heard[i]?.push(m)))
    await pair.wait(Promise.all(subscriptions.map(({ ready }) => ready)))
    expect(subscriptions.map(({ state }) => state)).toEqual(['live', 'live', 'live'])
    for (const n of to(3)) await pair.wait(pair.server.publish(rooms.feed, lobby, { n, at: new Date(n) }))
    const position = await pair.wait(bob.api.feed(lobby).publish({ n: 4 }))
    await pair.until(() => expect(heard.map(messages => messages.length)).toEqual([4, 4, 4]))
    for (const messages of heard) expect(messages).toEqual(to(4).map(n => ({ n, at: new Date(n) })))
    expect(subscriptions.map(subscription => subscription.position)).toEqual([position, position, position])
    await pair.end()
  })

  it('begin with the last messages, or after a position that another client had', async () => {
    const pair = await roomsOn(transport)
    const { api } = pair.client()
    const positions = [undefined]
    for (const n of to(10)) positions.push((await pair.wait(pair.server.publish(rooms.feed, lobby, { n }))) as never)
    const heard: number[][] = [[], [], [], []]
    const options = [{ rewind: 3 }, { since: positions[8] }, { rewind: 0 }, { since: positions[10], rewind: 10 }]
    for (const [i, option] of options.entries()) api.feed(lobby).subscribe(({ n }) => heard[i]?.push(n), option)
    await pair.until(() => expect(heard).toEqual([[8, 9, 10], [9, 10], [], []]))
    await pair.wait(pair.server.publish(rooms.feed, lobby, { n: 11 }))
    await pair.until(() => expect(heard).toEqual([[8, 9, 10, 11], [9, 10, 11], [11], [11]]))
    await pair.end()
  })

  it('give a position when nothing was published yet', async () => {
    const pair = await roomsOn(transport)
    const { api, connection } = pair.client()
    const early = api.feed(lobby).subscribe(() => undefined)
    await pair.wait(early.ready)
    const { position } = early
    expect(position).toBeDefined()
    connection.close()
    await pair.wait(pair.server.publish(rooms.feed, lobby, { n: 1 }))
    const heard: number[] = []
    pair
      .client()
      .api.feed(lobby)
      .subscribe(({ n }) => heard.push(n), { since: position })
    await pair.until(() => expect(heard).toEqual([1]))
    await pair.end()
  })

  it('are read as a loop, and left by leaving it', async () => {
    const pair = await roomsOn(transport)
    const { api } = pair.client()
    for (const n of to(5)) await pair.wait(pair.server.publish(rooms.feed, lobby, { n }))
    const seen: number[] = []
    const looping = (async () => {
      for await (const { n } of api.feed(lobby).messages({ rewind: 3 })) {
        seen.push(n)
        if (n === 6) break
      }
    })()
    await pair.until(() => expect(seen).toEqual([3, 4, 5]))
    await pair.wait(pair.server.publish(rooms.feed, lobby, { n: 6 }))
    await pair.wait(looping)
    await pair.until(() => expect(pair.server.stats().subscriptions).toBe(0))
    await pair.end()
  })

  it('lose nothing for a loop that is slower than the topic', async () => {
    const pair = await roomsOn(transport)
    const { api } = pair.client({ limits: { queueMessages: 50 } })
    const loop = api.feed(lobby)[Symbol.asyncIterator]()
    const first = loop.next()
    await pair.until(() => expect(pair.server.stats().subscriptions).toBe(1))
    for (const n of to(1_000)) await pair.server.publish(rooms.feed, lobby, { n })
    const seen = [(await pair.wait(first)).value?.n]
    while (seen.length < 1_000) {
      seen.push((await pair.wait(loop.next())).value?.n)
      if (seen.length % 100 === 0) await pair.pass(1)
    }
    expect(seen).toEqual(to(1_000))
    await loop.return?.()
    await pair.end()
  })

  it('refuse whom their handler refuses, and who asks for what is not there', async () => {
    const pair = await roomsOn(transport)
    const { api, connection } = pair.client()
    const errors: string[] = []
    const refused = api.feed({ room: 'closed' }).subscribe(() => undefined, { onError: e => errors.push(e.code) })
    await expect(pair.wait(refused.ready)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
    expect([refused.state, errors]).toEqual(['closed', ['PERMISSION_DENIED']])
    await expect(
      pair.wait(api.feed({ room: 'closed' }).messages()[Symbol.asyncIterator]().next()),
    ).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    })
    const told: string[] = []
    connection.on('error', ({ code }) => told.push(code))
    api.feed({ room: 'closed' }).subscribe(() => undefined)
    // @ts-expect-error what the compiler says too
    api.feed({ room: 1 }).subscribe(() => undefined)
    await pair.until(() => expect(told.sort()).toEqual(['INVALID_ARGUMENT', 'PERMISSION_DENIED']))
    await pair.end()
  })

  it('answer a newer client that an entry is not there', async () => {
    const pair = await roomsOn(transport)
    const newer = contract({ later: topic({ params: z.string(), message: z.number() }) })
    const { connection } = pair.client()
    connection.close()
    const client = pair.other(newer)
    const later = client.api.later('x').subscribe(() => undefined, { onError: () => undefined })
    await expect(pair.wait(later.ready)).rejects.toMatchObject({ code: 'UNIMPLEMENTED' })
    await pair.end()
  })

  it('end for those who may no longer listen', async () => {
    const pair = await roomsOn(transport)
    const { api } = pair.client({ token: () => 'ada' })
    const errors: string[] = []
    const heard: number[] = []
    const subscription = api
      .feed({ room: 'attic' })
      .subscribe(({ n }) => heard.push(n), { onError: ({ code }) => errors.push(code) })
    await pair.wait(subscription.ready)
    setClosed('attic', true)
    await pair.wait(pair.server.recheck({ identity: 'ada' }))
    setClosed('attic', false)
    await pair.until(() => expect([subscription.state, errors]).toEqual(['closed', ['PERMISSION_DENIED']]))
    await pair.wait(pair.server.publish(rooms.feed, { room: 'attic' }, { n: 1 }))
    await pair.pass(20)
    expect(heard).toEqual([])
    await pair.end()
  })

  it('send nothing when a listener is replaced within a tick', async () => {
    const pair = await roomsOn(transport)
    const { api } = pair.client()
    const heard: number[] = []
    const listen = () => api.feed({ room: 'lobby' }).subscribe(({ n }) => heard.push(n))
    listen().close()
    const second = listen()
    await pair.wait(second.ready)
    const { received } = pair.server.stats().bytes
    second.close()
    const third = listen()
    await pair.wait(third.ready)
    await pair.pass(20)
    expect(pair.server.stats().bytes.received).toBe(received)
    expect(pair.server.stats().subscriptions).toBe(1)
    await pair.wait(pair.server.publish(rooms.feed, lobby, { n: 1 }))
    await pair.until(() => expect(heard).toEqual([1]))
    await pair.end()
  })

  it('bring the newest message of every key, and tell of keys that are gone', async () => {
    const pair = await roomsOn(transport)
    const watcher = pair.client()
    const [ada, bob] = [pair.client({ token: () => 'ada' }), pair.client({ token: () => 'bob' })]
    for (const x of to(3)) await pair.wait(ada.api.positions(lobby).publish({ x }))
    await pair.wait(bob.api.positions(lobby).publish({ x: 9 }))
    const newest = new Map<string, number>()
    const gone: string[] = []
    watcher.api.positions(lobby).subscribe(({ who, x }) => newest.set(who, x), { onRetract: key => gone.push(key) })
    await pair.until(() => expect(Object.fromEntries(newest)).toEqual({ ada: 3, bob: 9 }))
    await pair.wait(pair.server.retract(rooms.positions, lobby, 'ada'))
    await pair.until(() => expect(gone).toEqual(['ada']))
    bob.connection.close()
    await pair.until(() => expect(gone).toEqual(['ada', 'bob']))
    await pair.end()
  })

  it('bring all keys to a slow loop, however many have come and gone before', async () => {
    const pair = await roomsOn(transport)
    const { api } = pair.client({ limits: { queueMessages: 20 } })
    const put = (who: string) => pair.server.publish(rooms.positions, lobby, { who, x: 1 })
    const keys = to(100).map(n => `key ${n}`)
    for (const key of keys.slice(0, 50)) await put(key)
    for (const n of to(1_100)) {
      await put(`gone ${n}`)
      await pair.server.retract(rooms.positions, lobby, `gone ${n}`)
    }
    for (const key of keys.slice(50)) await put(key)
    const seen: string[] = []
    for await (const { who } of api.positions(lobby)) {
      seen.push(who)
      await pair.pass(1)
      if (seen.length === 100) break
    }
    expect(seen).toEqual(keys)
    await pair.end()
  })

  it('take volatile messages when they can go at once, and drop them else', async () => {
    const pair = await roomsOn(transport)
    const ada = pair.client({ token: () => 'ada' })
    const heard: number[] = []
    const positions = ada.api.positions(lobby)
    expect(await pair.wait(positions.publish({ x: 0 }, { volatile: true }))).toBeUndefined()
    const subscription = positions.subscribe(({ x }) => heard.push(x))
    await pair.wait(subscription.ready)
    expect(await pair.wait(positions.publish({ x: 1 }, { volatile: true }))).toEqual(expect.any(String))
    await pair.until(() => expect(heard).toEqual([1]))
    ada.away(true)
    ada.cut()
    await pair.until(() => subscription.state === 'catching-up')
    expect(await pair.wait(positions.publish({ x: 2 }, { volatile: true }))).toBeUndefined()
    ada.away(false)
    await pair.until(() => subscription.state === 'live')
    expect(heard).toEqual([1])
    await pair.end()
  })

  it('close with the connection, and open with it again', async () => {
    const pair = await roomsOn(transport)
    const { api, connection } = pair.client()
    const subscription = api.feed(lobby).subscribe(() => undefined)
    await pair.wait(subscription.ready)
    const looping = api.feed(lobby)[Symbol.asyncIterator]().next()
    connection.close()
    expect(subscription.state).toBe('closed')
    expect(await pair.wait(looping)).toEqual({ done: true, value: undefined })
    const errors: string[] = []
    api.feed(lobby).subscribe(() => undefined, { onError: ({ code }) => errors.push(code) })
    await pair.until(() => expect(errors).toEqual(['UNAVAILABLE']))
    connection.open()
    const again = api.feed(lobby).subscribe(() => undefined)
    await pair.wait(again.ready)
    expect(again.state).toBe('live')
    await pair.end()
  })
})

it('opens nothing before the first subscription', () => {
  let dialled = 0
  const socket = () => {
    dialled += 1
    throw new Error('dialled')
  }
  connect(rooms, { url: '/live', socket }).api.feed(lobby)
  expect(dialled).toBe(0)
})
