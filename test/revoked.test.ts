import { contract, topic } from '@tautline/core'
import { anyone } from '@tautline/server'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { type CutClient, Pair, TRANSPORTS } from './support/pair.ts'

const rooms = contract({
  feed: topic({
    params: z.object({ room: z.string() }),
    message: z.string(),
    publish: z.string(),
    presence: z.object({ name: z.string() }),
    retain: { count: 100 },
  }),
})

type Context = { readonly name: string }

describe.each(TRANSPORTS)('who may no longer read a topic, over %s', transport => {
  let pair: Pair<typeof rooms, Context>
  let client: CutClient<typeof rooms>
  /** Who may read and write. */
  let members: Set<string>
  let token: string

  beforeEach(async () => {
    members = new Set(['ada', 'bob'])
    token = 'ada:1'
    const requireMember = ({ name }: Context, error: (code: 'PERMISSION_DENIED') => Error) => {
      if (!members.has(name)) throw error('PERMISSION_DENIED')
    }
    pair = await Pair.open<typeof rooms, Context>(
      transport,
      rooms,
      {
        authenticate: ({ token = '' }) => {
          const [name = ''] = token.split(':')
          return { context: { name }, identity: name }
        },
      },
      {
        feed: {
          subscribe: (_, { context, error }) => requireMember(context, error),
          publish: (_, text, { context, error }) => {
            requireMember(context, error)
            return text
          },
          presence: (_, { context }) => ({ name: context.name }),
        },
      },
    )
    client = pair.client({ token: () => token })
  })
  afterEach(() => pair.end())

  async function reading() {
    const got: string[] = []
    const refusals: string[] = []
    const feed = client.api.feed({ room: 'a' })
    const subscription = feed.subscribe(message => got.push(message), { onError: error => refusals.push(error.code) })
    const lookedOn: unknown[] = []
    feed.presence.subscribe(seen => lookedOn.push(seen), { onError: error => refusals.push(`presence ${error.code}`) })
    await pair.wait(subscription.ready)
    await pair.server.publish(rooms.feed, { room: 'a' }, 'before')
    await pair.until(() => got.length === 1 && lookedOn.length > 0)
    return { got, refusals }
  }

  test.each([
    ['with its next token', () => client.connection.refresh()],
    ['as soon as the server is told to ask again', () => pair.server.recheck({ identity: 'ada' })],
  ])('gets nothing of it any more %s: neither messages, nor who is there, nor a word in', async (_, act) => {
    const { got, refusals } = await reading()
    members.delete('ada')
    token = 'ada:2'
    await act()
    await pair.until(() => refusals.length === 2)
    expect(refusals.toSorted()).toEqual(['PERMISSION_DENIED', 'presence PERMISSION_DENIED'])
    await pair.server.publish(rooms.feed, { room: 'a' }, 'after')
    await pair.pass(transport === 'pipe' ? 5_000 : 100)
    expect(got).toEqual(['before'])
    await expect(pair.wait(client.api.feed({ room: 'a' }).publish('mine'))).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    })
  })

  test('does not recover it after a drop, nor what was written before', async () => {
    const { got, refusals } = await reading()
    client.away(true)
    client.cut()
    members.delete('ada')
    await pair.server.publish(rooms.feed, { room: 'a' }, 'missed')
    client.away(false)
    await pair.until(() => refusals.length === 2)
    const again: string[] = []
    const denied: string[] = []
    client.api.feed({ room: 'a' }).subscribe(message => again.push(message), {
      rewind: 100,
      onError: error => denied.push(error.code),
    })
    await pair.until(() => denied.length === 1)
    expect([got, again]).toEqual([['before'], []])
  })

  test('nobody else loses it', async () => {
    const { got } = await reading()
    const other = pair.client({ token: () => 'bob:1' })
    const heard: string[] = []
    other.api.feed({ room: 'a' }).subscribe(message => heard.push(message), { rewind: 10 })
    await pair.until(() => heard.length === 1)
    members.delete('ada')
    await pair.server.recheck({ identity: 'ada' })
    await pair.server.publish(rooms.feed, { room: 'a' }, 'after')
    await pair.until(() => heard.length === 2)
    expect(got).toEqual(['before'])
  })
})

test('a topic without a subscribe handler is served to nobody', async () => {
  const clientless = Pair.open('pipe', rooms, { authenticate: anyone }, { feed: {} } as never)
  await expect(clientless).rejects.toThrow(/feed/)
})
