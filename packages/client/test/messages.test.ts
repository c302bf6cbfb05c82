import type { MessagesOptions, TopicEntry } from '@tautline/core'
import { FrameType, type Message } from '@tautline/core/wire'
import { describe, expect, it } from 'vitest'
import { FakeLine } from './support/fake-line.ts'
import { latest, log, unretained } from './support/topics.ts'

const { GAP, MESSAGE, RETRACT, SUBSCRIBE, SUBSCRIBED, UNSUBSCRIBE } = FrameType
const message = (offset: number, key?: string): Message => [MESSAGE, 'lobby', offset, `m${offset}`, key]
const messages = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => message(from + i))
const letIn = (id: number, offset: number, head = offset, gap = false, epoch: string | null = 'e') =>
  [SUBSCRIBED, id, { channel: 'lobby', epoch, offset, head, gap }] as const
const value = (offset: number) => ({ done: false, value: `m${offset}` })
const end = { done: true, value: undefined }

/** A loop that waits for its first message; `since` of the first SUBSCRIBE is 0. */
async function loop(entry: TopicEntry = log, options: MessagesOptions = {}, epoch: string | null = 'e') {
  const line = new FakeLine()
  line.attach()
  const loop = line.topics.channel(entry, 'lobby').messages(options)[Symbol.asyncIterator]()
  const first = loop.next()
  first.catch(() => undefined)
  await line.sent()
  line.receive(letIn(1, 0, 0, false, epoch))
  return { line, loop, first }
}

async function read(loop: AsyncIterator<unknown>, count: number): Promise<unknown[]> {
  const values: unknown[] = []
  for (let i = 0; i < count; i++) values.push((await loop.next()).value)
  return values
}

describe('a loop', () => {
  it('subscribes with its first step and hands over every message in order', async () => {
    const line = new FakeLine()
    line.attach()
    const loop = line.topics.channel(log, 'lobby').messages({ rewind: 5 })[Symbol.asyncIterator]()
    expect(await line.sent()).toEqual([])
    const first = loop.next()
    const second = loop.next()
    expect(await line.sent()).toEqual([[SUBSCRIBE, 1, 'rooms.feed', 'lobby', { rewind: 5 }]])
    line.receive(letIn(1, 0, 3), ...messages(1, 3))
    expect(await Promise.all([first, second, loop.next()])).toEqual([value(1), value(2), value(3)])
  })

  it('closes its subscription when it is left', async () => {
    const line = new FakeLine()
    line.attach()
    const seen: unknown[] = []
    line.onSend = frame =>
      frame[0] === SUBSCRIBE && line.clock.defer(() => line.receive(letIn(1, 0), ...messages(1, 3)))
    for await (const text of line.topics.channel(log, 'lobby')) {
      seen.push(text)
      if (text === 'm2') break
    }
    expect(seen).toEqual(['m1', 'm2'])
    expect(await line.sent()).toEqual([
      [SUBSCRIBE, 1, 'rooms.feed', 'lobby'],
      [UNSUBSCRIBE, 1],
    ])
  })

  it('can be left while it waits, and before it began', async () => {
    const { line, loop: waiting, first } = await loop()
    await waiting.return?.()
    expect(await first).toEqual(end)
    expect(await waiting.next()).toEqual(end)
    expect(await line.sent()).toEqual([[UNSUBSCRIBE, 1]])
    const never = line.topics.channel(log, 'lobby').messages()[Symbol.asyncIterator]()
    expect(await never.return?.()).toEqual(end)
    expect(await never.next()).toEqual(end)
    expect(await line.sent()).toEqual([])
  })

  it('ends with its signal, at once', async () => {
    const abort = new AbortController()
    const { line, loop: ended, first } = await loop(log, { signal: abort.signal })
    line.receive(...messages(1, 3))
    expect(await first).toEqual(value(1))
    abort.abort()
    expect(await ended.next()).toEqual(end)
    expect(await line.sent()).toEqual([[UNSUBSCRIBE, 1]])
  })

  it('is a subscription of its own each time', async () => {
    const line = new FakeLine()
    line.attach()
    const messages = line.topics.channel(log, 'lobby').messages()
    for (const loop of [messages[Symbol.asyncIterator](), messages[Symbol.asyncIterator]()]) {
      void loop.next()
    }
    expect(await line.sent()).toHaveLength(2)
  })

  it('ends with DATA_LOSS at a gap, after what came before it', async () => {
    const { line, loop: lossy, first } = await loop()
    line.receive(...messages(1, 2), [GAP, 'lobby', 'e', 9], message(10))
    expect(await first).toEqual(value(1))
    expect(await lossy.next()).toEqual(value(2))
    await expect(lossy.next()).rejects.toMatchObject({ code: 'DATA_LOSS' })
    expect(await lossy.next()).toEqual(end)
    expect(await line.sent()).toEqual([[UNSUBSCRIBE, 1]])
    expect(line.errors).toEqual([])
  })

  it('throws a refusal, after what came before it', async () => {
    const { line, loop: refused, first } = await loop()
    line.receive(...messages(1, 2), [UNSUBSCRIBE, 1, { code: 'PERMISSION_DENIED', message: 'no more' }])
    expect(await first).toEqual(value(1))
    expect(await refused.next()).toEqual(value(2))
    await expect(refused.next()).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
    const { line: other, first: waiting } = await loop()
    other.receive([UNSUBSCRIBE, 1, { code: 'PERMISSION_DENIED', message: 'no more' }])
    await expect(waiting).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
    expect(other.errors).toEqual([])
  })
})

describe('a slow loop', () => {
  it('takes no more than the limit, and reads on in the log when half of it is read', async () => {
    const { line, loop: slow, first } = await loop()
    line.receive(...messages(1, 11))
    expect(await line.sent()).toEqual([])
    line.receive(...messages(12, 20))
    expect(await line.sent()).toEqual([[UNSUBSCRIBE, 1]])
    expect(await first).toEqual(value(1))
    expect(await read(slow, 5)).toEqual(['m2', 'm3', 'm4', 'm5', 'm6'])
    expect(await line.sent()).toEqual([])
    expect(await read(slow, 1)).toEqual(['m7'])
    expect(await line.sent()).toEqual([[SUBSCRIBE, 2, 'rooms.feed', 'lobby', { since: ['e', 11] }]])
    line.receive(letIn(2, 11, 20), ...messages(12, 20))
    expect(await read(slow, 9)).toEqual(['m8', 'm9', 'm10', 'm11', 'm12', 'm13', 'm14', 'm15', 'm16'])
  })

  it('is bounded in bytes as well', async () => {
    const line = new FakeLine({ queueMessages: 1_000, queueBytes: 40 })
    line.attach()
    const slow = line.topics.channel(log, 'lobby').messages()[Symbol.asyncIterator]()
    const first = slow.next()
    await line.sent()
    line.receive(letIn(1, 0), ...messages(1, 9))
    expect(await line.sent()).toEqual([[UNSUBSCRIBE, 1]])
    await first
    expect(await read(slow, 3)).toEqual(['m2', 'm3', 'm4'])
    expect(await line.sent()).toEqual([[SUBSCRIBE, 2, 'rooms.feed', 'lobby', { since: ['e', 5] }]])
  })

  it('hears of a gap when what it did not take is no longer retained', async () => {
    const { line, loop: slow } = await loop()
    line.receive(...messages(1, 20))
    await read(slow, 6)
    await line.sent()
    line.receive(letIn(2, 15, 20, true), ...messages(16, 20))
    expect(await read(slow, 4)).toEqual(['m8', 'm9', 'm10', 'm11'])
    await expect(slow.next()).rejects.toMatchObject({ code: 'DATA_LOSS' })
  })

  it('asks for nothing on a new socket while it is full', async () => {
    const { line, loop: slow } = await loop()
    line.receive(...messages(1, 20))
    await line.sent()
    line.detach()
    line.attach()
    expect(await line.sent()).toEqual([])
    await read(slow, 6)
    expect(await line.sent()).toEqual([[SUBSCRIBE, 2, 'rooms.feed', 'lobby', { since: ['e', 11] }]])
  })

  it('of a member of a presence stays one while it is full', async () => {
    const { line, loop: slow } = await loop({ ...log, presence: true })
    line.receive(...messages(1, 20), [GAP, 'lobby', 'e', 30], message(31))
    expect(await line.sent()).toEqual([])
    line.detach()
    line.attach()
    expect(await line.sent()).toEqual([[SUBSCRIBE, 2, 'rooms.feed', 'lobby', { since: ['e', 11] }]])
    line.receive(letIn(2, 11, 31), ...messages(12, 20))
    await read(slow, 6)
    expect(await line.sent()).toEqual([[SUBSCRIBE, 3, 'rooms.feed', 'lobby', { since: ['e', 11] }]])
    line.receive(letIn(3, 11, 31), message(12))
    expect(await line.sent()).toEqual([[UNSUBSCRIBE, 2]])
    expect(await read(slow, 5)).toEqual(['m8', 'm9', 'm10', 'm11', 'm12'])
  })

  it('is given the newest of each key, in their order, without those that are gone', async () => {
    const { line, loop: slow, first } = await loop(latest)
    line.receive(message(1, 'a'))
    await first
    for (let offset = 2; offset <= 40; offset += 2) line.receive(message(offset, 'a'), message(offset + 1, 'b'))
    line.receive(message(42, 'c'), message(43, 'a'), message(44, 'd'), [RETRACT, 'lobby', 45, 'd'])
    expect(await read(slow, 3)).toEqual(['m41', 'm42', 'm43'])
    expect(await line.sent()).toEqual([])
  })

  it('of more keys than fit reads the rest when there is room', async () => {
    const { line, loop: slow, first } = await loop(latest)
    for (let offset = 1; offset <= 20; offset++) line.receive(message(offset, `key ${offset}`))
    await first
    expect(await line.sent()).toEqual([[UNSUBSCRIBE, 1]])
    await read(slow, 6)
    expect(await line.sent()).toEqual([[SUBSCRIBE, 2, 'rooms.positions', 'lobby', { since: ['e', 11] }]])
  })

  it('ends with DATA_LOSS where nothing is retained', async () => {
    const { line, loop: slow, first } = await loop(unretained, {}, null)
    for (let i = 0; i < 30; i++) line.receive(message(0))
    expect(await line.sent()).toEqual([[UNSUBSCRIBE, 1]])
    expect((await first).value).toBe('m0')
    expect(await read(slow, 10)).toHaveLength(10)
    await expect(slow.next()).rejects.toMatchObject({ code: 'DATA_LOSS' })
  })
})
