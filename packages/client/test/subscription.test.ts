import { type Gap, parse, TautlineError, type TopicEntry } from '@tautline/core'
import { FrameType, type Message } from '@tautline/core/wire'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { FakeLine } from './support/fake-line.ts'
import { latest, log, unretained } from './support/topics.ts'

const { GAP, MESSAGE, RETRACT, SUBSCRIBE, SUBSCRIBED, UNSUBSCRIBE } = FrameType
const lobby = { room: 'lobby' }
const message = (offset: number, key?: string): Message => [MESSAGE, 'lobby', offset, `m${offset}`, key]
const letIn = (id: number, offset: number, head = offset, gap = false, epoch: string | null = 'e') =>
  [SUBSCRIBED, id, { channel: 'lobby', epoch, offset, head, gap }] as const
const refusal = (id: number, code: string) => [SUBSCRIBED, id, { error: { code, message: 'no' } }] as const

/** A line with a socket, and a subscription that writes down what it is told. */
function listener(entry: TopicEntry = log, options: object = {}, line = new FakeLine(), params: unknown = lobby) {
  const told: unknown[] = []
  const subscription = line.topics.channel(entry, params).subscribe(value => told.push(value), {
    onGap: (gap: Gap) => told.push(gap),
    onError: error => told.push(error.code),
    onRetract: key => told.push(`-${key}`),
    ...options,
  })
  if (!line.attached) line.attach()
  return { line, subscription, told }
}

/** The same, let in at offset 5 of epoch `e`. */
async function live(entry: TopicEntry = log, options: object = {}) {
  const all = listener(entry, options)
  await all.line.sent()
  all.line.receive(letIn(1, 5))
  return all
}

describe('what is sent', () => {
  it('asks at the end of the tick, and dials', async () => {
    const { line } = listener(log, {}, new FakeLine())
    expect(await line.sent()).toEqual([[SUBSCRIBE, 1, 'rooms.feed', lobby]])
    const idle = new FakeLine()
    idle.topics.channel(log, lobby).subscribe(() => undefined)
    await idle.clock.settle()
    expect(idle.opened).toBe(1)
  })

  it('asks for a rewind, or for what follows a position that was stored', async () => {
    const { line } = listener(log, { rewind: 50 })
    listener(log, { rewind: 0 }, line)
    listener(log, { rewind: Number.POSITIVE_INFINITY }, line)
    const stored = (await live()).subscription.position
    listener(log, { since: stored, rewind: 50 }, line)
    expect((await line.sent()).map(frame => frame[4 as 2])).toEqual([
      { rewind: 50 },
      { rewind: 0 },
      { rewind: Number.MAX_SAFE_INTEGER },
      { since: ['e', 5] },
    ])
  })

  it('says when nothing would ever come', async () => {
    const line = new FakeLine()
    line.closed = new TautlineError('UNAUTHENTICATED')
    const told: unknown[] = []
    const subscription = line.topics.channel(log, lobby).subscribe(() => undefined, { onError: e => told.push(e.code) })
    await line.clock.settle()
    expect([subscription.state, told]).toEqual(['closed', ['UNAUTHENTICATED']])
  })

  it('sends nothing for what is opened and closed in one tick', async () => {
    const { line, subscription } = listener()
    subscription.close()
    expect(await line.sent()).toEqual([])
    const { subscription: first } = listener(log, {}, line)
    first.close()
    listener(log, {}, line)
    expect(await line.sent()).toEqual([[SUBSCRIBE, 1, 'rooms.feed', lobby]])
  })

  it('sends nothing when a live subscription is replaced in one tick, and the next one goes on', async () => {
    const { line, subscription, told } = await live()
    subscription.close()
    const next = listener(log, {}, line, { room: 'lobby' })
    expect(await line.sent()).toEqual([])
    line.receive(message(6))
    expect(next.told).toEqual(['m6'])
    expect(told).toEqual([])
    expect(next.subscription.state).toBe('live')
    await next.subscription.ready
    next.subscription.close()
    expect(await line.sent()).toEqual([[UNSUBSCRIBE, 1]])
  })

  it('keeps its place until the one that replaces it with another beginning is answered', async () => {
    const { line, subscription } = await live()
    subscription.close()
    const next = listener(log, { rewind: 2 }, line)
    expect(await line.sent()).toEqual([[SUBSCRIBE, 2, 'rooms.feed', lobby, { rewind: 2 }]])
    line.receive(message(6))
    line.receive(letIn(2, 4, 6), message(5), message(6))
    expect(await line.sent()).toEqual([[UNSUBSCRIBE, 1]])
    expect(next.told).toEqual(['m5', 'm6'])
  })

  it('does not take the place of another channel', async () => {
    const { line, subscription } = await live()
    subscription.close()
    listener(log, {}, line, { room: 'attic' })
    expect(await line.sent()).toEqual([
      [SUBSCRIBE, 2, 'rooms.feed', { room: 'attic' }],
      [UNSUBSCRIBE, 1],
    ])
  })

  it('asks again for every subscription on every new socket, each from where it is, under a new id', async () => {
    const { line, told } = await live()
    const other = listener(log, { rewind: 3 }, line)
    await line.sent()
    line.receive(letIn(2, 2, 5), message(3), message(4), message(5), message(6))
    line.detach()
    line.attach()
    expect(await line.sent()).toEqual([
      [SUBSCRIBE, 3, 'rooms.feed', lobby, { since: ['e', 6] }],
      [SUBSCRIBE, 4, 'rooms.feed', lobby, { since: ['e', 6] }],
    ])
    expect(told).toEqual(['m6'])
    expect(other.told).toEqual(['m3', 'm4', 'm5', 'm6'])
  })

  it('asks for what was asked for first when the socket went before the answer', async () => {
    const { line, subscription } = listener(log, { rewind: 7 })
    await line.sent()
    line.detach()
    expect(subscription.state).toBe('pending')
    line.attach()
    expect(await line.sent()).toEqual([[SUBSCRIBE, 2, 'rooms.feed', lobby, { rewind: 7 }]])
  })

  it('leaves nothing behind', async () => {
    const { line, subscription } = await live()
    subscription.close()
    expect(await line.sent()).toEqual([[UNSUBSCRIBE, 1]])
    line.detach()
    line.attach()
    expect(await line.sent()).toEqual([])
    expect(line.clock.pending).toBe(0)
  })
})

describe('what is handed over', () => {
  it('is every message after the position, once', async () => {
    const { line, told } = await live()
    line.receive(message(4), message(5), message(6), message(6), message(7), message(5))
    line.receive([MESSAGE, 'attic', 8, 'not ours'])
    expect(told).toEqual(['m6', 'm7'])
  })

  it('is catching up until the newest is there', async () => {
    const { line, subscription } = listener(log, { rewind: 2 })
    expect(subscription.state).toBe('pending')
    await line.sent()
    line.receive(letIn(1, 3, 5))
    expect(subscription.state).toBe('catching-up')
    line.receive(message(4))
    expect(subscription.state).toBe('catching-up')
    line.receive(message(5))
    expect(subscription.state).toBe('live')
    line.detach()
    expect(subscription.state).toBe('catching-up')
  })

  it('has a position as soon as it is let in, and during each message', async () => {
    const positions: unknown[] = []
    const line = new FakeLine()
    const subscription = line.topics.channel(log, lobby).subscribe(() => positions.push(subscription.position))
    expect(subscription.position).toBeUndefined()
    line.attach()
    await line.sent()
    line.receive(letIn(1, 0), message(1))
    const [first] = positions
    line.receive(message(2))
    const { line: tomorrow } = listener(log, { since: first })
    expect(await tomorrow.sent()).toEqual([[SUBSCRIBE, 1, 'rooms.feed', lobby, { since: ['e', 1] }]])
  })

  it('is read again from what was received when the log has a hole', async () => {
    const { line, subscription, told } = await live()
    line.receive(message(6), message(9), message(10))
    expect(subscription.state).toBe('catching-up')
    expect(await line.sent()).toEqual([[SUBSCRIBE, 2, 'rooms.feed', lobby, { since: ['e', 6] }]])
    line.receive(message(11))
    line.receive(letIn(2, 6, 11), message(7), message(8), message(9), message(10), message(11))
    expect(await line.sent()).toEqual([[UNSUBSCRIBE, 1]])
    expect(told).toEqual(['m6', 'm7', 'm8', 'm9', 'm10', 'm11'])
    expect(subscription.state).toBe('live')
  })

  it('is not asked for in a tight loop when the hole stays', async () => {
    const { line, told } = await live()
    line.receive(message(9))
    expect(await line.sent()).toHaveLength(1)
    for (let id = 2; id < 6; id++) {
      line.receive(letIn(id, 5, 9), message(9))
      expect(await line.sent()).toEqual([[UNSUBSCRIBE, id - 1]])
      await line.clock.advance(20_000)
      expect(await line.sent()).toEqual([[SUBSCRIBE, id + 1, 'rooms.feed', lobby, { since: ['e', 5] }]])
    }
    expect(told).toEqual([])
  })

  it('goes to several listeners of one channel, each with a position of its own', async () => {
    const { line, told, subscription } = await live()
    const other = listener(log, { rewind: 2 }, line)
    await line.sent()
    line.receive(letIn(2, 3, 5), message(4), message(5), message(6))
    expect(told).toEqual(['m6'])
    expect(other.told).toEqual(['m4', 'm5', 'm6'])
    subscription.close()
    line.receive(message(7))
    expect(told).toEqual(['m6'])
    expect(other.told).toEqual(['m4', 'm5', 'm6', 'm7'])
  })

  it('stops with close(), also in the listener, with a signal, and with `using`', async () => {
    const line = new FakeLine()
    line.attach()
    const told: unknown[] = []
    const one = line.topics.channel(log, lobby).subscribe(value => {
      told.push(value)
      one.close()
    })
    const abort = new AbortController()
    const two = listener(log, { signal: abort.signal }, line)
    const three = listener(log, {}, line)
    await line.sent()
    line.receive(letIn(1, 0), letIn(2, 0), letIn(3, 0), message(1))
    abort.abort()
    three.subscription[Symbol.dispose]()
    line.receive(message(2))
    expect([told, two.told, three.told]).toEqual([['m1'], ['m1'], ['m1']])
    expect(await line.sent()).toEqual([
      [UNSUBSCRIBE, 1],
      [UNSUBSCRIBE, 2],
      [UNSUBSCRIBE, 3],
    ])
    expect(line.errors).toEqual([])
  })

  it('never begins with a signal that has fired', async () => {
    const { line, subscription } = listener(log, { signal: AbortSignal.abort() })
    expect(subscription.state).toBe('closed')
    expect(await line.sent()).toEqual([])
  })

  it('goes on when a listener throws, or its promise rejects', async () => {
    const line = new FakeLine()
    line.attach()
    const told: unknown[] = []
    line.topics.channel(log, lobby).subscribe(value => {
      told.push(value)
      if (value === 'm1') throw new Error('thrown')
      return Promise.reject(new Error('rejected'))
    })
    await line.sent()
    line.receive(letIn(1, 0), message(1), message(2))
    await line.clock.settle()
    expect(told).toEqual(['m1', 'm2'])
    expect(line.errors.map(({ cause }) => (cause as Error).message)).toEqual(['thrown', 'rejected'])
    expect(line.errors.map(({ entry }) => entry)).toEqual(['rooms.feed', 'rooms.feed'])
  })
})

describe('a gap', () => {
  it('is told before the next message, with where it begins and ends', async () => {
    const { line, told, subscription } = await live()
    const before = subscription.position
    line.detach()
    line.attach()
    await line.sent()
    line.receive(letIn(2, 20, 21, true))
    expect(told).toEqual([{ after: before, until: subscription.position }])
    line.receive(message(21))
    expect(told.slice(1)).toEqual(['m21'])
    expect(subscription.state).toBe('live')
  })

  it('is told to connection.on("error") when nobody listens for it', async () => {
    const { line } = await live(log, { onGap: undefined })
    line.receive([GAP, 'lobby', 'e', 20])
    expect(line.errors).toMatchObject([{ code: 'DATA_LOSS', entry: 'rooms.feed' }])
  })

  it('is told by GAP, to those who have not got what it says', async () => {
    const { line, told } = await live()
    const other = listener(log, { rewind: 3 }, line)
    await line.sent()
    line.receive(letIn(2, 2, 5))
    line.receive([GAP, 'lobby', 'e', 4], message(5), message(6))
    expect(told).toEqual(['m6'])
    expect(other.told).toEqual([{ after: '2.e', until: '4.e' }, 'm5', 'm6'])
  })

  it('is a new epoch, while live and after a drop', async () => {
    const { line, told, subscription } = await live()
    line.receive([GAP, 'lobby', 'f', 0], message(1))
    expect(told).toEqual([{ after: '5.e', until: '0.f' }, 'm1'])
    expect(subscription.state).toBe('live')
    line.detach()
    line.attach()
    await line.sent()
    line.receive(letIn(2, 0, 1, true, 'g'), message(1))
    expect(told.slice(2)).toEqual([{ after: '1.f', until: '0.g' }, 'm1'])
  })

  it('is seen even when the server does not say so', async () => {
    const { line, told } = await live()
    line.detach()
    line.attach()
    await line.sent()
    line.receive(letIn(2, 9, 9))
    expect(told).toEqual([{ after: '5.e', until: '9.e' }])
  })

  it('is every break where nothing is retained', async () => {
    const line = new FakeLine()
    const { told, subscription } = listener(unretained, {}, line)
    await line.sent()
    line.receive(letIn(1, 0, 0, false, null), message(0), message(0))
    expect(subscription.position).toBeUndefined()
    line.receive([GAP, 'lobby', null, 0], message(0))
    line.detach()
    expect(subscription.state).toBe('catching-up')
    line.attach()
    expect(await line.sent()).toEqual([[SUBSCRIBE, 2, 'rooms.pulse', lobby]])
    line.receive(letIn(2, 0, 0, false, null), message(0))
    const gap = { after: undefined, until: undefined }
    expect(told).toEqual(['m0', 'm0', gap, 'm0', gap, 'm0'])
    expect(subscription.state).toBe('live')
  })

  it('makes a latestBy topic begin anew, whatever was received', async () => {
    const { line, told } = listener(latest)
    await line.sent()
    line.receive(letIn(1, 0, 9), message(7, 'a'), message(9, 'b'))
    line.receive([GAP, 'lobby', 'e', 0], message(7, 'a'), message(12, 'c'))
    expect(told).toEqual(['m7', 'm9', { after: '9.e', until: '0.e' }, 'm7', 'm12'])
  })
})

describe('latestBy', () => {
  it('has no holes, and tells of keys that are gone', async () => {
    const { line, told, subscription } = listener(latest)
    await line.sent()
    line.receive(letIn(1, 0, 9), message(4, 'a'), message(8, 'b'), [RETRACT, 'lobby', 9, 'a'])
    line.receive([RETRACT, 'lobby', 9, 'a'])
    expect(told).toEqual(['m4', 'm8', '-a'])
    expect(subscription.state).toBe('live')
    expect(await line.sent()).toEqual([])
  })

  it('says, when cut off before all keys are there, which retractions it cannot miss', async () => {
    const { line } = listener(latest)
    const { line: older } = listener(latest, { since: '2.e' })
    for (const each of [line, older]) {
      await each.sent()
      each.receive(letIn(1, each === line ? 0 : 2, 9), message(4, 'a'))
      each.detach()
      each.attach()
    }
    const asked = async (from: FakeLine) => (await from.sent())[0]?.[4 as 2]
    expect(await asked(line)).toEqual({ since: ['e', 4], base: 9 })
    expect(await asked(older)).toEqual({ since: ['e', 4] })
    line.receive(letIn(2, 4, 10), message(9, 'b'), message(10, 'c'))
    line.detach()
    line.attach()
    expect(await asked(line)).toEqual({ since: ['e', 10] })
  })

  it('is asked for again when replaced: the next one wants the newest of every key', async () => {
    const { line, subscription } = listener(latest)
    await line.sent()
    line.receive(letIn(1, 0, 0))
    subscription.close()
    const next = listener(latest, {}, line)
    expect(await line.sent()).toEqual([[SUBSCRIBE, 2, 'rooms.positions', lobby]])
    next.subscription.close()
    expect(await line.sent()).toEqual([
      [UNSUBSCRIBE, 2],
      [UNSUBSCRIBE, 1],
    ])
  })
})

describe('a refusal', () => {
  it('closes the subscription and is told', async () => {
    const { line, told, subscription } = listener()
    await line.sent()
    line.receive(refusal(1, 'PERMISSION_DENIED'))
    expect(told).toEqual(['PERMISSION_DENIED'])
    expect(subscription.state).toBe('closed')
    await expect(subscription.ready).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
    expect(await line.sent()).toEqual([])
  })

  it('is told to connection.on("error") when nobody listens for it, and `ready` is nobody’s unhandled rejection', async () => {
    const { line } = listener(log, { onError: undefined })
    await line.sent()
    line.receive(refusal(1, 'UNIMPLEMENTED'))
    await line.clock.settle()
    expect(line.errors).toMatchObject([{ code: 'UNIMPLEMENTED', entry: 'rooms.feed' }])
  })

  it('may come later', async () => {
    const { line, told, subscription } = await live()
    line.receive([UNSUBSCRIBE, 1, { code: 'PERMISSION_DENIED', message: 'no more' }], message(6))
    expect(told).toEqual(['PERMISSION_DENIED'])
    expect(subscription.state).toBe('closed')
    await subscription.ready
    const gone = await live()
    gone.line.receive([UNSUBSCRIBE, 1])
    expect(gone.told).toEqual(['CANCELLED'])
  })

  it('for want of a server is no refusal: it is asked again, later and later', async () => {
    const { line, told, subscription } = listener()
    await line.sent()
    for (const [id, ms] of [
      [1, 1_000],
      [2, 2_000],
      [3, 4_000],
      [4, 8_000],
      [5, 10_000],
      [6, 10_000],
    ] as const) {
      line.receive(refusal(id, 'UNAVAILABLE'))
      await line.clock.advance(ms - 1)
      expect(await line.sent()).toEqual([])
      await line.clock.advance(1)
      expect(await line.sent()).toEqual([[SUBSCRIBE, id + 1, 'rooms.feed', lobby]])
    }
    expect([subscription.state, told]).toEqual(['pending', []])
    line.receive(letIn(7, 5))
    expect(subscription.state).toBe('live')
    expect(line.clock.pending).toBe(0)
  })

  it('of one that was let in before is not the end either when it may help to ask again', async () => {
    const fresh = listener()
    await fresh.line.sent()
    fresh.line.receive(refusal(1, 'RESOURCE_EXHAUSTED'))
    expect(fresh.told).toEqual(['RESOURCE_EXHAUSTED'])

    const { line, told, subscription } = await live()
    line.detach()
    line.attach()
    await line.sent()
    line.receive(refusal(2, 'RESOURCE_EXHAUSTED'))
    expect([subscription.state, told]).toEqual(['catching-up', []])
    await line.clock.advance(20_000)
    expect(await line.sent()).toEqual([[SUBSCRIBE, 3, 'rooms.feed', lobby, { since: ['e', 5] }]])
  })

  it('waits no more once it is closed, or a new socket is there', async () => {
    const { line, subscription } = listener()
    await line.sent()
    line.receive(refusal(1, 'UNAVAILABLE'))
    line.detach()
    expect(line.clock.pending).toBe(0)
    line.attach()
    expect(await line.sent()).toEqual([[SUBSCRIBE, 2, 'rooms.feed', lobby]])
    line.receive(refusal(2, 'UNAVAILABLE'))
    subscription.close()
    expect(await line.sent()).toEqual([])
    expect(line.clock.pending).toBe(0)
  })

  it('is made here when the params, the position or the rewind cannot be', async () => {
    const checked: TopicEntry = { ...log, '~parse': parse, params: z.object({ room: z.string() }) }
    const line = new FakeLine()
    for (const all of [
      listener(checked, {}, line, { room: 1 }),
      listener(log, {}, line, { room: () => 1 }),
      listener(log, { since: 'yesterday' }, line),
      listener(log, { since: '' }, line),
      listener(log, { rewind: -1 }, line),
      listener(log, { rewind: Number.NaN }, line),
    ]) {
      await line.clock.settle()
      expect([all.told, all.subscription.state]).toEqual([['INVALID_ARGUMENT'], 'closed'])
      await expect(all.subscription.ready).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
    expect(await line.sent()).toEqual([])
  })

  it('is the end of all when the connection is closed for good; without an error nobody is told', async () => {
    const { line, told, subscription } = await live()
    line.topics.close(new TautlineError('UNAUTHENTICATED'))
    expect([told, subscription.state]).toEqual([['UNAUTHENTICATED'], 'closed'])
    const quiet = listener(log, {}, line)
    line.topics.close()
    await expect(quiet.subscription.ready).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(quiet.told).toEqual([])
    await line.clock.settle()
  })
})

it('survives a server that answers twice, or for what was never asked', async () => {
  const { line, told } = await live()
  line.receive(letIn(1, 0), letIn(9, 0), refusal(9, 'INTERNAL'), [UNSUBSCRIBE, 9], [GAP, 'attic', 'e', 1], message(6))
  expect(told).toEqual(['m6'])
})
