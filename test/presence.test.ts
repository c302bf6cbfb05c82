import { describe, expect, it } from 'vitest'
import { TRANSPORTS } from './support/pair.ts'
import { roomsOn } from './support/room.ts'

const lobby = { room: 'lobby' }
type Feed = ReturnType<Awaited<ReturnType<typeof roomsOn>>['client']>['api']['feed']

/** Whom this client was told of, the newest list last. */
function observe(feed: Feed) {
  const lists: string[] = []
  const subscription = feed(lobby).presence.subscribe((members, { count }) => {
    lists.push(`${members.map(({ name }) => name).sort()} of ${count}`)
  })
  return { lists, subscription }
}

describe.each(TRANSPORTS)('presence on %s', transport => {
  it('lists those who are subscribed, not those who only look', async () => {
    const pair = await roomsOn(transport)
    const [ada, bob, cy] = ['ada', 'bob', 'cy'].map(name => pair.client({ token: () => name }))
    if (!ada || !bob || !cy) throw new Error('three clients')
    const { lists } = observe(cy.api.feed)
    await pair.until(() => expect(lists).toEqual([' of 0']))
    const joined = ada.api.feed(lobby).subscribe(() => undefined)
    await pair.until(() => expect(lists.at(-1)).toBe('ada of 1'))
    bob.api.feed(lobby).subscribe(() => undefined)
    const second = ada.api.feed(lobby).subscribe(() => undefined)
    await pair.until(() => expect(lists.at(-1)).toBe('ada,bob of 2'))
    joined.close()
    await pair.wait(second.ready)
    await pair.pass(1_100)
    expect(lists.at(-1)).toBe('ada,bob of 2')
    second.close()
    await pair.until(() => expect(lists.at(-1)).toBe('bob of 1'))
    bob.connection.close()
    await pair.until(() => expect(lists.at(-1)).toBe(' of 0'))
    await pair.end()
  })

  it('makes nobody leave whose line drops and comes back', async () => {
    const pair = await roomsOn(transport)
    const [ada, bob] = [pair.client({ token: () => 'ada' }), pair.client({ token: () => 'bob' })]
    const feed = ada.api.feed(lobby).subscribe(() => undefined)
    const { lists, subscription } = observe(bob.api.feed)
    await pair.until(() => expect(lists.at(-1)).toBe('ada of 1'))
    const before = lists.length
    ada.cut()
    await pair.until(() => feed.state === 'catching-up')
    bob.cut()
    await pair.until(() => feed.state === 'live' && subscription.state === 'live')
    await pair.pass(1_500)
    expect(new Set(lists.slice(before))).toEqual(new Set(lists.length > before ? ['ada of 1'] : []))
    await pair.end()
  })
})

describe('presence', () => {
  const transport = 'pipe'

  it('lists a session once, under its public id, with what the server says of it', async () => {
    const pair = await roomsOn(transport)
    const [ada, twin] = [pair.client({ token: () => 'ada' }), pair.client({ token: () => 'ada' })]
    for (const { api } of [ada, ada, twin]) api.feed(lobby).subscribe(() => undefined)
    const members: unknown[] = []
    ada.api.feed(lobby).presence.subscribe(all => members.splice(0, members.length, ...all))
    await pair.until(() => expect(members).toHaveLength(2))
    expect(members).toEqual([
      { id: expect.any(String), name: 'ada' },
      { id: expect.any(String), name: 'ada' },
    ])
    expect(new Set(members.map(member => (member as { id: string }).id)).size).toBe(2)
    await pair.end()
  })

  it('is kept while a listener is replaced by one that wants another beginning', async () => {
    const pair = await roomsOn(transport)
    const [ada, bob] = [pair.client({ token: () => 'ada' }), pair.client({ token: () => 'bob' })]
    const first = ada.api.feed(lobby).subscribe(() => undefined)
    const { lists } = observe(bob.api.feed)
    await pair.until(() => expect(lists.at(-1)).toBe('ada of 1'))
    first.close()
    const second = ada.api.feed(lobby).subscribe(() => undefined, { rewind: 5 })
    await pair.wait(second.ready)
    await pair.pass(1_200)
    expect(lists.slice(lists.indexOf('ada of 1'))).toEqual(['ada of 1'])
    await pair.end()
  })

  it('counts those whom it does not list', async () => {
    const pair = await roomsOn(transport, { limits: { presenceMembers: 2 } })
    const names = ['ada', 'bob', 'cy']
    const clients = names.map(name => pair.client({ token: () => name }))
    const { lists } = observe(pair.client().api.feed)
    for (const { api } of clients) await pair.wait(api.feed(lobby).subscribe(() => undefined).ready)
    await pair.until(() => expect(lists.at(-1)).toMatch(/^\w+,\w+ of 3$/))
    clients[2]?.connection.close()
    await pair.until(() => expect(lists.at(-1)).toBe('ada,bob of 2'))
    await pair.end()
  })

  it('asks the same handler as the topic', async () => {
    const pair = await roomsOn(transport)
    const { api } = pair.client()
    const errors: string[] = []
    api.feed({ room: 'closed' }).presence.subscribe(() => undefined, { onError: ({ code }) => errors.push(code) })
    await pair.until(() => expect(errors).toEqual(['PERMISSION_DENIED']))
    await pair.end()
  })

  it('forgets whoever does not come back', async () => {
    const pair = await roomsOn('pipe', { limits: { resumeMs: 5_000 } })
    const [ada, bob] = [pair.client({ token: () => 'ada' }), pair.client({ token: () => 'bob' })]
    ada.api.feed(lobby).subscribe(() => undefined)
    const { lists } = observe(bob.api.feed)
    await pair.until(() => expect(lists.at(-1)).toBe('ada of 1'))
    ada.away(true)
    ada.cut()
    await pair.pass(4_000)
    expect(lists.at(-1)).toBe('ada of 1')
    await pair.pass(3_000)
    expect(lists.at(-1)).toBe(' of 0')
    ada.away(false)
    await pair.until(() => expect(lists.at(-1)).toBe('ada of 1'))
    await pair.end()
  })
})
