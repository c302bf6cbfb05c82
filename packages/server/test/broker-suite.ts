import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Broker, BrokerChannel, Change, Retention } from '../src/broker.ts'

/** A broker under test. */
export interface BrokerUnderTest {
  readonly broker: Broker
  /** Lets so many ms pass, for whatever the broker takes as its clock. */
  readonly advance: (ms: number) => Promise<void>
  /** Makes the engine behind it forget everything. */
  readonly wipe?: () => Promise<void>
  /** Ends what was started for it; the broker is closed by then. */
  readonly end?: () => Promise<void>
}

const LOG: Retention = { kind: 'log', count: 5, seconds: Number.POSITIVE_INFINITY }
const LATEST: Retention = { kind: 'latest', count: 5, seconds: Number.POSITIVE_INFINITY }
const NONE: Retention = { kind: 'none' }
const ALL = { messages: 1_000, bytes: 1_000_000 }
const MINUTE = 60_000

/** What every broker keeps to; see `Broker`. */
export function brokerSuite(name: string, make: () => Promise<BrokerUnderTest>): void {
  let under: BrokerUnderTest
  let broker: Broker
  let rooms = 0

  beforeEach(async () => {
    under = await make()
    broker = under.broker
  })

  afterEach(async () => {
    await broker.close()
    await under.end?.()
  })

  /** A channel that no other test uses, also on an engine that they share. */
  const room = (retain: Retention): BrokerChannel => ({ name: `suite.${Date.now().toString(36)}_${++rooms}`, retain })
  const publish = (channel: BrokerChannel, text: string, more: object = {}) =>
    broker.publish(channel, { body: bytesOf(text), ...more })
  const follow = async (channel: BrokerChannel) => {
    const told: string[] = []
    const feed = await broker.subscribe(
      channel,
      (epoch, change) => void told.push(`${epoch === null ? '-' : ''}${short(change)}`),
    )
    return { feed, told }
  }
  const all = async (channel: BrokerChannel, after = 0) =>
    (await broker.read(channel, { after }, ALL)).changes.map(short)
  /** Engines tell a little later than they answer. */
  const eventually = async (told: readonly string[], expected: readonly string[]) => {
    await under.advance(0)
    await expect.poll(() => told, { timeout: 2_000, interval: 5 }).toEqual(expected)
  }

  describe(`${name}: any memory`, () => {
    test.each([LOG, LATEST])(
      '$kind numbers changes by one, and tells them in order to all who listen',
      async retain => {
        const channel = room(retain)
        const [one, two] = [await follow(channel), await follow(channel)]
        expect(one.feed.head).toEqual([expect.any(String), 0])
        const [epoch] = one.feed.head
        for (const [i, key] of ['a', 'b', 'c'].entries()) {
          expect(await publish(channel, `${key}!`, { key })).toEqual([epoch, i + 1])
        }
        await eventually(one.told, ['1 a=a!', '2 b=b!', '3 c=c!'])
        await eventually(two.told, ['1 a=a!', '2 b=b!', '3 c=c!'])
      },
    )

    test.each([LOG, LATEST])('$kind gives a position before anything was published, and keeps to it', async retain => {
      const channel = room(retain)
      const [before] = await broker.heads([channel])
      const page = await broker.read(channel, { after: 0 }, ALL)
      expect(page).toEqual({ epoch: before?.[0], after: 0, through: 0, changes: [], head: 0, floor: 0 })
      expect(await publish(channel, 'first', { key: 'a' })).toEqual([before?.[0], 1])
    })

    test.each([LOG, LATEST])('$kind: whoever is told of a change can read it', async retain => {
      const channel = room(retain)
      const reads: Promise<string[]>[] = []
      await broker.subscribe(channel, () => void reads.push(all(channel)))
      await publish(channel, 'one', { key: 'a' })
      await expect.poll(() => reads.length).toBe(1)
      expect(await reads[0]).toEqual(['1 a=one'])
    })

    test('a feed begins at its head', async () => {
      const channel = room(LOG)
      const position = await publish(channel, 'before')
      const { feed, told } = await follow(channel)
      expect(feed.head).toEqual(position)
      await publish(channel, 'after')
      await eventually(told, ['2=after'])
    })

    test('nothing is told once a feed is closed, and closing it twice is nothing', async () => {
      const channel = room(LOG)
      const [gone, stays] = [await follow(channel), await follow(channel)]
      gone.feed.close()
      gone.feed.close()
      await publish(channel, 'one')
      await eventually(stays.told, ['1=one'])
      expect(gone.told).toEqual([])
    })

    test('what comes fast stays in order', async () => {
      const channel = room({ kind: 'log', count: 1_000, seconds: Number.POSITIVE_INFINITY })
      const { told } = await follow(channel)
      const positions = await Promise.all(Array.from({ length: 300 }, (_, i) => publish(channel, String(i))))
      expect(positions.map(([, offset]) => offset).sort((a, b) => a - b)).toEqual(
        Array.from({ length: 300 }, (_, i) => i + 1),
      )
      await expect.poll(() => told.length, { timeout: 5_000 }).toBe(300)
      expect(told).toEqual(await all(channel))
      expect(told.map(each => Number.parseInt(each, 10))).toEqual(Array.from({ length: 300 }, (_, i) => i + 1))
    })

    test('channels know nothing of each other', async () => {
      const [a, b] = [room(LOG), room(LOG)]
      const { told } = await follow(a)
      await publish(b, 'elsewhere')
      await publish(a, 'here')
      await eventually(told, ['1=here'])
      const heads = await broker.heads([b, a, b])
      expect(heads.map(head => head?.[1])).toEqual([1, 1, 1])
    })

    test('a body comes back byte by byte, and so does a key that means something to an engine', async () => {
      const channel = room(LATEST)
      const bodies: Uint8Array[] = []
      await broker.subscribe(channel, (_, { body }) => void (body && bodies.push(body)))
      const body = Uint8Array.from({ length: 512 }, (_, i) => i % 256)
      const keys = ['', '*', '>', 'a.b', "'; \r\n", '\u0000', 'ключ 🔑', 'x'.repeat(1_024)]
      for (const key of keys) await broker.publish(channel, { body, key })
      await expect.poll(() => bodies.length).toBe(keys.length)
      for (const each of bodies) expect(Buffer.compare(each, body)).toBe(0)
      const { changes } = await broker.read(channel, { after: 3 }, ALL)
      expect(changes.filter(change => change.body).map(change => change.key)).toEqual(keys.slice(-5))
      expect(changes.every(change => !change.body || Buffer.compare(change.body, body) === 0)).toBe(true)
    })

    test.each([LOG, NONE])('$kind: a body comes back byte by byte without a key, too, however short', async retain => {
      const channel = room(retain)
      const bodies = [Uint8Array.of(0), Uint8Array.of(1, 0, 2), Uint8Array.from({ length: 256 }, (_, i) => i)]
      const told: Uint8Array[] = []
      await broker.subscribe(channel, (_, { body }) => void told.push(new Uint8Array(body ?? [])))
      for (const body of bodies) await broker.publish(channel, { body })
      await expect.poll(() => told, { timeout: 2_000, interval: 5 }).toEqual(bodies)
      if (retain.kind === 'none') return
      const { changes } = await broker.read(channel, { after: 0 }, ALL)
      expect(changes.map(({ body }) => new Uint8Array(body ?? []))).toEqual(bodies)
    })

    test('a closed broker refuses, and says that nothing was done', async () => {
      const channel = room(LOG)
      await broker.close()
      const refusal = { code: 'UNAVAILABLE', mayHaveRun: false }
      await expect(publish(channel, 'late')).rejects.toMatchObject(refusal)
      await expect(broker.subscribe(channel, () => undefined)).rejects.toMatchObject(refusal)
      await expect(broker.read(channel, { after: 0 }, ALL)).rejects.toMatchObject(refusal)
      await expect(broker.heads([channel])).rejects.toMatchObject(refusal)
    })
  })

  describe(`${name}: a log`, () => {
    test.each([
      [4, 0, ['1=1', '2=2', '3=3', '4=4']],
      [5, 0, ['1=1', '2=2', '3=3', '4=4', '5=5']],
      [6, 1, ['2=2', '3=3', '4=4', '5=5', '6=6']],
    ])('of 5 messages, after %i: what lies before %i is gone', async (count, floor, kept) => {
      const channel = room(LOG)
      for (let i = 1; i <= count; i++) await publish(channel, String(i))
      const page = await broker.read(channel, { after: 0 }, ALL)
      expect(page).toMatchObject({ after: 0, through: count, head: count, floor })
      expect(page.changes.map(short)).toEqual(kept)
    })

    test('is read in pages, from anywhere', async () => {
      const channel = room(LOG)
      for (const text of ['one', 'two', 'three', 'four']) await publish(channel, text)
      expect(await broker.read(channel, { after: 1 }, { messages: 2, bytes: 1_000 })).toMatchObject({
        after: 1,
        through: 3,
        head: 4,
      })
      expect(await broker.read(channel, { after: 3 }, { messages: 2, bytes: 1_000 })).toMatchObject({
        after: 3,
        through: 4,
      })
      expect(await all(channel, 4)).toEqual([])
      expect(await all(channel, 9)).toEqual([])
    })

    test.each([
      [5, ['one']],
      [6, ['one', 'two']],
      [7, ['one', 'two']],
    ])('a page of %i bytes holds so much, and always something', async (bytes, texts) => {
      const channel = room(LOG)
      for (const text of ['one', 'two', 'three']) await publish(channel, text)
      const page = await broker.read(channel, { after: 0 }, { messages: 10, bytes })
      expect(page.changes.map(({ body }) => textOf(body))).toEqual(texts)
      expect(page.through).toBe(texts.length)
      const first = await broker.read(channel, { after: 0 }, { messages: 10, bytes: 1 })
      expect(first.changes.map(short)).toEqual(['1=one'])
    })

    test.each([
      [0, 4, []],
      [2, 2, ['3=3', '4=4']],
      [4, 0, ['1=1', '2=2', '3=3', '4=4']],
      [9, 0, ['1=1', '2=2', '3=3', '4=4']],
    ])('its newest %i begin after %i', async (newest, after, texts) => {
      const channel = room(LOG)
      for (let i = 1; i <= 4; i++) await publish(channel, String(i))
      const page = await broker.read(channel, { newest }, ALL)
      expect(page).toMatchObject({ after, through: 4 })
      expect(page.changes.map(short)).toEqual(texts)
    })

    test('forgets by time, and its numbers go on', async () => {
      const channel = room({ kind: 'log', count: 5, seconds: 10 })
      const [epoch] = await publish(channel, 'one')
      await under.advance(6_000)
      await publish(channel, 'two')
      await under.advance(5_000)
      expect(await broker.read(channel, { after: 0 }, ALL)).toMatchObject({ epoch, through: 2, floor: 1, head: 2 })
      await under.advance(6_000)
      expect(await broker.read(channel, { after: 0 }, ALL)).toMatchObject({
        epoch,
        through: 2,
        floor: 2,
        head: 2,
        changes: [],
      })
      expect(await publish(channel, 'three')).toEqual([epoch, 3])
    })
  })

  describe(`${name}: the newest of each key`, () => {
    test('is all there is, in the order of offsets', async () => {
      const channel = room(LATEST)
      for (const [key, text] of [
        ['a', '1'],
        ['b', '2'],
        ['a', '3'],
        ['c', '4'],
      ] as const)
        await publish(channel, text, { key })
      expect(await all(channel)).toEqual(['2 b=2', '3 a=3', '4 c=4'])
      expect(await all(channel, 3)).toEqual(['4 c=4'])
      expect(await broker.read(channel, { after: 0 }, { messages: 2, bytes: 1_000 })).toMatchObject({
        through: 3,
        head: 4,
        floor: 0,
      })
    })

    test('a retraction is a change like others', async () => {
      const channel = room(LATEST)
      const { feed, told } = await follow(channel)
      await publish(channel, '1', { key: 'a' })
      await publish(channel, '2', { key: 'b' })
      expect(await broker.publish(channel, { key: 'a' })).toEqual([feed.head[0], 3])
      await eventually(told, ['1 a=1', '2 b=2', '3 a gone'])
      expect(await all(channel)).toEqual(['2 b=2', '3 a gone'])
    })

    test('several retractions in a row are read like one, page by page', async () => {
      const channel = room(LATEST)
      for (const key of ['a', 'b', 'c', 'd']) await publish(channel, '!', { key })
      for (const key of ['a', 'c', 'd']) await broker.publish(channel, { key })
      const changes = ['2 b=!', '5 a gone', '6 c gone', '7 d gone']
      expect(await all(channel)).toEqual(changes)
      const read: string[] = []
      for (let after = 0; after < 7; ) {
        const page = await broker.read(channel, { after }, { messages: 1, bytes: 1_000 })
        read.push(...page.changes.map(short))
        after = page.through
      }
      expect(read).toEqual(changes)
      await broker.publish(channel, { key: 'b' })
      expect(await all(channel)).toEqual([...changes.slice(1), '8 b gone'])
    })

    test('what is not there cannot be retracted: nothing changes', async () => {
      const channel = room(LATEST)
      const [epoch] = await publish(channel, '1', { key: 'a' })
      expect(await broker.publish(channel, { key: 'b' })).toEqual([epoch, 1])
      expect(await broker.publish(channel, { key: 'a' })).toEqual([epoch, 2])
      expect(await broker.publish(channel, { key: 'a' })).toEqual([epoch, 2])
      expect(await all(channel)).toEqual(['2 a gone'])
    })

    test('a retraction may be meant for one message only', async () => {
      const channel = room(LATEST)
      await publish(channel, '1', { key: 'a' })
      await publish(channel, '2', { key: 'a' })
      await broker.publish(channel, { key: 'a', ifOffset: 1 })
      expect(await all(channel)).toEqual(['2 a=2'])
      await broker.publish(channel, { key: 'a', ifOffset: 2 })
      expect(await all(channel)).toEqual(['3 a gone'])
    })

    test.each([
      [0, []],
      [1, ['4 b gone', '5 d=5']],
      [2, ['3 c=3', '4 b gone', '5 d=5']],
      [9, ['1 a=1', '3 c=3', '4 b gone', '5 d=5']],
    ])('its newest %i messages', async (newest, expected) => {
      const channel = room(LATEST)
      for (const [key, text] of [
        ['a', '1'],
        ['b', '2'],
        ['c', '3'],
      ] as const)
        await publish(channel, text, { key })
      await broker.publish(channel, { key: 'b' })
      await publish(channel, '5', { key: 'd' })
      const { changes } = await broker.read(channel, { newest }, ALL)
      const wanted = expected.filter(each => !each.endsWith('gone'))
      expect(changes.filter(change => change.body).map(short)).toEqual(wanted)
    })

    test.each([4, 5, 6])('of 5 keys, after %i: the oldest is retracted', async count => {
      const channel = room(LATEST)
      const { told } = await follow(channel)
      for (let i = 1; i <= count; i++) await publish(channel, String(i), { key: `k${i}` })
      const published = Array.from({ length: count }, (_, i) => `${i + 1} k${i + 1}=${i + 1}`)
      await eventually(told, count > 5 ? [...published, '7 k1 gone'] : published)
    })

    test('a key that was not renewed for too long is retracted', async () => {
      const channel = room({ kind: 'latest', count: 5, seconds: 10 })
      const { told } = await follow(channel)
      await publish(channel, '1', { key: 'a' })
      await publish(channel, '2', { key: 'b' })
      await under.advance(6_000)
      await publish(channel, '3', { key: 'a' })
      await under.advance(6_000)
      await eventually(told, ['1 a=1', '2 b=2', '3 a=3', '4 b gone'])
    })

    test('retractions are remembered for 10 minutes, the newest change for ever', async () => {
      const channel = room(LATEST)
      for (const key of ['a', 'b', 'c']) await publish(channel, '!', { key })
      await broker.publish(channel, { key: 'a' })
      await under.advance(9 * MINUTE)
      await broker.publish(channel, { key: 'b' })
      expect(await broker.read(channel, { after: 0 }, ALL)).toMatchObject({ floor: 0 })
      await under.advance(2 * MINUTE)
      const page = await broker.read(channel, { after: 0 }, ALL)
      expect(page).toMatchObject({ floor: 4, head: 5, through: 5 })
      expect(page.changes.map(short)).toEqual(['3 c=!', '5 b gone'])
      await under.advance(60 * MINUTE)
      expect(await all(channel)).toEqual(['3 c=!', '5 b gone'])
    })

    test('1,000 retractions are remembered', async () => {
      const channel = room({ kind: 'latest', count: 2_000, seconds: Number.POSITIVE_INFINITY })
      const keys = Array.from({ length: 1_001 }, (_, i) => `k${i}`)
      await Promise.all(keys.map(key => publish(channel, '!', { key })))
      await Promise.all(keys.slice(1).map(key => broker.publish(channel, { key })))
      expect(await broker.read(channel, { after: 0 }, ALL)).toMatchObject({ head: 2_001, floor: 0 })
      await broker.publish(channel, { key: 'k0' })
      expect(await broker.read(channel, { after: 0 }, ALL)).toMatchObject({ head: 2_002, floor: 1_002 })
    })
  })

  describe(`${name}: leases`, () => {
    test('a key is retracted when its lease is over, and not while it is renewed', async () => {
      const channel = room(LATEST)
      const { told } = await follow(channel)
      await publish(channel, '1', { key: 'a', leaseMs: 10_000 })
      await publish(channel, '2', { key: 'b', leaseMs: 10_000 })
      await under.advance(6_000)
      expect(await broker.renew(channel, new Map([['a', 1]]), 10_000)).toEqual([])
      await under.advance(6_000)
      await eventually(told, ['1 a=1', '2 b=2', '3 b gone'])
      await under.advance(6_000)
      await eventually(told, ['1 a=1', '2 b=2', '3 b gone', '4 a gone'])
    })

    test('no lease outlives the memory of its channel', async () => {
      const channel = room({ kind: 'latest', count: 5, seconds: 10 })
      await publish(channel, '1', { key: 'a', leaseMs: 5_000 })
      await under.advance(4_000)
      expect(await broker.renew(channel, new Map([['a', 1]]), 30_000)).toEqual([])
      await under.advance(4_000)
      expect(await all(channel)).toEqual(['1 a=1'])
      await under.advance(4_000)
      expect(await all(channel)).toEqual(['2 a gone'])
    })

    test('what is gone, or somebody else has published since, is not renewed', async () => {
      const channel = room(LATEST)
      for (const key of ['mine', 'theirs', 'gone']) await publish(channel, '!', { key, leaseMs: 10_000 })
      await publish(channel, '!', { key: 'theirs', leaseMs: 10_000 })
      await broker.publish(channel, { key: 'gone' })
      const held = new Map([
        ['mine', 1],
        ['theirs', 2],
        ['gone', 3],
        ['never', 4],
      ])
      expect([...(await broker.renew(channel, held, 10_000))].sort()).toEqual(['gone', 'never', 'theirs'])
    })

    test('a key that is published again without a lease has none', async () => {
      const channel = room(LATEST)
      await publish(channel, '1', { key: 'a', leaseMs: 10_000 })
      await publish(channel, '2', { key: 'a' })
      await under.advance(20_000)
      expect(await all(channel)).toEqual(['2 a=2'])
    })
  })

  describe(`${name}: idempotency keys`, () => {
    test.each([LOG, LATEST])('$kind: the same key is published once, and gets the same position', async retain => {
      const channel = room(retain)
      const { told } = await follow(channel)
      const publication = { key: 'a', idempotencyKey: 'once' }
      const positions = await Promise.all([publish(channel, 'one', publication), publish(channel, 'one', publication)])
      expect(positions[0]).toEqual(positions[1])
      await publish(channel, 'two', { key: 'b', idempotencyKey: 'another' })
      await eventually(told, ['1 a=one', '2 b=two'])
      await under.advance(MINUTE)
      expect(await publish(channel, 'one', publication)).toEqual(positions[0])
    })

    test('without memory, too', async () => {
      const channel = room(NONE)
      const { told } = await follow(channel)
      for (let i = 0; i < 3; i++) expect(await publish(channel, 'one', { idempotencyKey: 'once' })).toEqual([null, 0])
      await eventually(told, ['-0=one'])
    })

    test('a key is that of one channel, and for two minutes', async () => {
      const [a, b] = [room(LOG), room(LOG)]
      await publish(a, 'one', { idempotencyKey: 'once' })
      expect(await publish(b, 'one', { idempotencyKey: 'once' })).toEqual([expect.any(String), 1])
      await under.advance(2 * MINUTE + 1_000)
      expect(await publish(a, 'again', { idempotencyKey: 'once' })).toEqual([expect.any(String), 2])
    })
  })

  describe(`${name}: without memory`, () => {
    test('a message is told and forgotten', async () => {
      const channel = room(NONE)
      const { feed, told } = await follow(channel)
      expect(feed.head).toEqual([null, 0])
      expect(await publish(channel, 'one')).toEqual([null, 0])
      await eventually(told, ['-0=one'])
      expect(await broker.heads([channel])).toEqual([[null, 0]])
      const late = await follow(channel)
      await publish(channel, 'two')
      await eventually(late.told, ['-0=two'])
    })
  })

  test(`${name}: an engine that forgot begins a new epoch`, async () => {
    if (!under.wipe) return
    const channel = room(LOG)
    const [before] = await publish(channel, 'one')
    await under.wipe()
    const [after, offset] = await publish(channel, 'two')
    expect(after).not.toBe(before)
    expect(offset).toBe(1)
    expect(await broker.heads([channel])).toEqual([[after, 1]])
  })
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function textOf(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes)
}

/** `offset key=text`, or `offset key gone`. */
function short({ offset, key, body }: Change): string {
  const name = key === undefined ? '' : ` ${key}`
  return body ? `${offset}${name}=${textOf(body)}` : `${offset}${name} gone`
}
