import type { Position, SubscribeFields } from '@tautline/core/wire'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { VirtualClock } from '../../testing/src/clock.ts'
import type { BrokerChannel } from '../src/broker.ts'
import { channelRef } from '../src/publications.ts'
import { Rings } from '../src/ring.ts'
import { type Fate, FaultyBroker } from './support/faulty-broker.ts'
import { Guest, House, rooms, type Told } from './support/topics.ts'

const ALL = { messages: 1_000, bytes: Number.POSITIVE_INFINITY }
const GUESTS = 3
const { small } = rooms

/** What may happen to a server, its broker and its clients. */
const event = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      keys: fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('retract' as const), key: fc.constantFrom('a', 'b', 'c', 'd') }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('subscribe' as const),
      guest: fc.nat(GUESTS - 1),
      rewind: fc.option(fc.nat(8)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('unsubscribe' as const), guest: fc.nat(GUESTS - 1) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reconnect' as const), guest: fc.nat(GUESTS - 1) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('slow' as const), guest: fc.nat(GUESTS - 1) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('drain' as const), guest: fc.nat(GUESTS - 1), bytes: fc.nat(200) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('fast' as const), guest: fc.nat(GUESTS - 1) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(3_000) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('feed' as const),
      fate: fc.constantFrom<Fate>('lost', 'twice', 'swapped'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('lag' as const), ms: fc.constantFrom(0, 10, 250) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reads' as const), ms: fc.constantFrom(0, 20, 300) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('failing' as const), fails: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wipe' as const) }) },
)

type Event = typeof event extends fc.Arbitrary<infer E> ? E : never

/** A client as protocol.md has it, with one subscription; it fails on whatever it should not be sent. */
abstract class Client {
  readonly guest: Guest
  readonly #path: string
  protected received: Position | undefined
  #id: number | undefined

  constructor(house: House, path: string, publicId: string) {
    this.guest = new Guest(house, { publicId, highWaterBytes: 150, lowWaterBytes: 60 })
    this.#path = path
  }

  get subscribed(): boolean {
    return this.#id !== undefined
  }

  get position(): Position | undefined {
    return this.received
  }

  subscribe(fields?: SubscribeFields): void {
    if (this.#id !== undefined) return
    this.#id = this.guest.subscribe(this.#path, this.received ? this.resumption(this.received) : fields)
  }

  protected resumption(since: Position): SubscribeFields {
    return { since }
  }

  unsubscribe(): void {
    if (this.#id !== undefined) this.guest.unsubscribe(this.#id)
    this.#id = undefined
  }

  /** Takes what has come. */
  read(): void {
    for (const told of this.guest.told.splice(0)) this.#take(told)
  }

  protected abstract admitted(epoch: string, offset: number, gap: boolean, head: number): void
  protected abstract message(offset: number, message: unknown, key: string | undefined): void
  protected abstract retracted(offset: number, key: string): void
  protected abstract lost(epoch: string, offset: number): void

  #take(told: Told): void {
    if (told.kind === 'subscribed' && told.id !== this.#id) return
    if (told.kind === 'subscribed') {
      const { error, epoch, offset, gap, head } = told.fields as {
        error?: unknown
        epoch: string
        offset: number
        gap: boolean
        head: number
      }
      if (error) this.#id = undefined
      else this.admitted(epoch, offset, gap, head)
    } else if (this.#id === undefined) return
    else if (told.kind === 'message') this.message(told.offset, told.message, told.key)
    else if (told.kind === 'retract') this.retracted(told.offset, told.key)
    else if (told.kind === 'gap') this.lost(told.epoch ?? '', told.offset)
  }
}

/** Each message once, in order, and nothing missing without a gap. */
class LogClient extends Client {
  readonly #truth: ReadonlyMap<string, string>

  constructor(house: House, publicId: string, truth: ReadonlyMap<string, string>) {
    super(house, 'small.log', publicId)
    this.#truth = truth
  }

  protected admitted(epoch: string, offset: number, gap: boolean): void {
    if (this.received && !gap) expect([epoch, offset], 'resumed elsewhere without a gap').toEqual(this.received)
    this.received = [epoch, offset]
  }

  protected message(offset: number, message: unknown): void {
    const [epoch, before] = this.received ?? ['', 0]
    expect(offset, 'in order, once, without a hole').toBe(before + 1)
    expect(message).toBe(this.#truth.get(`${epoch} ${offset}`))
    this.received = [epoch, offset]
  }

  protected retracted(): void {
    expect.fail('a log retracts nothing')
  }

  protected lost(epoch: string, offset: number): void {
    if (epoch === this.received?.[0]) expect(offset, 'a gap of nothing').toBeGreaterThan(this.received[1])
    this.received = [epoch, offset]
  }
}

/** Knows the newest of every key, whatever was left out on the way. */
class LatestClient extends Client {
  readonly state = new Map<string, unknown>()
  #base = 0
  #head = 0

  constructor(house: House, publicId: string) {
    super(house, 'small.latest', publicId)
  }

  get caughtUp(): boolean {
    return (this.received?.[1] ?? 0) >= this.#head
  }

  protected override resumption(since: Position): SubscribeFields {
    return since[1] < this.#base ? { since, base: this.#base } : { since }
  }

  protected admitted(epoch: string, offset: number, gap: boolean, head: number): void {
    this.#head = head
    if (gap || !this.received) this.#base = head
    if (gap || !this.received) this.state.clear()
    else expect([epoch, offset], 'resumed elsewhere without a gap').toEqual(this.received)
    this.received = [epoch, offset]
  }

  protected message(offset: number, message: unknown, key = ''): void {
    this.#advance(offset)
    this.state.set(key, message)
  }

  protected retracted(offset: number, key: string): void {
    this.#advance(offset)
    this.state.delete(key)
  }

  protected lost(epoch: string, offset: number): void {
    this.#base = 0
    this.#head = 0
    this.state.clear()
    this.received = [epoch, offset]
  }

  #advance(offset: number): void {
    const [epoch, before] = this.received ?? ['', 0]
    expect(offset, 'offsets grow').toBeGreaterThan(before)
    this.received = [epoch, offset]
  }
}

async function run(
  clients: readonly Client[],
  house: House,
  broker: FaultyBroker,
  events: readonly Event[],
  publish: (key: string) => Promise<void>,
  retract: (key: string) => Promise<void>,
): Promise<void> {
  const { clock } = house
  for (const each of events) {
    const client = 'guest' in each ? clients[each.guest] : undefined
    if (each.kind === 'publish') for (const key of each.keys) await publish(key)
    else if (each.kind === 'retract') await retract(each.key)
    else if (each.kind === 'subscribe') client?.subscribe(each.rewind === null ? undefined : { rewind: each.rewind })
    else if (each.kind === 'unsubscribe') client?.unsubscribe()
    else if (each.kind === 'reconnect') {
      const resumes = client?.subscribed
      client?.read()
      client?.unsubscribe()
      client?.guest.detach()
      client?.guest.attach()
      if (resumes) client?.subscribe()
    } else if (each.kind === 'slow' && client) client.guest.link.fast = false
    else if (each.kind === 'fast' && client) client.guest.link.fast = true
    else if (each.kind === 'drain') client?.guest.link.drain(each.bytes)
    else if (each.kind === 'wait') await clock.advance(each.ms)
    else if (each.kind === 'feed') broker.fates.push(each.fate)
    else if (each.kind === 'reads') broker.readMs = each.ms
    else if (each.kind === 'lag') broker.feedMs = each.ms
    else if (each.kind === 'failing' && each.fails) broker.failures.set('read', 'rejects')
    else if (each.kind === 'failing') broker.failures.clear()
    else if (each.kind === 'wipe') await broker.wipe()
    await clock.settle()
    for (const one of clients) one.read()
  }
  broker.fates.length = 0
  broker.failures.clear()
  broker.readMs = 0
  broker.feedMs = 0
  for (const { guest } of clients) {
    guest.link.fast = true
    guest.link.drain()
  }
  await clock.advance(25_000)
  for (const one of clients) one.read()
}

async function end(house: House, broker: FaultyBroker, clients: readonly Client[]): Promise<void> {
  // What the broker refused was told, too.
  house.errors.length = 0
  await house.end(...clients.map(client => client.guest))
  expect(broker.feeds, 'feeds left over').toBe(0)
}

test('whatever happens, a subscriber of a log gets each message once and in order, or is told of a gap', async () => {
  const property = fc.asyncProperty(
    fc.array(event, { maxLength: 60, size: 'max' }),
    fc.constantFrom(1, 3, 256),
    async (events, changes) => {
      const clock = new VirtualClock()
      const broker = new FaultyBroker(clock)
      const house = new House({ clock, broker, rings: ringsOf(changes) })
      const truth = new Map<string, string>()
      const clients = Array.from({ length: GUESTS }, (_, i) => new LogClient(house, `g${i}`, truth))
      let count = 0
      const publish = async () => {
        const text = `message ${++count}`
        const position = await house.publish(small.log, text)
        truth.set(position.join(' '), text)
      }
      await run(clients, house, broker, events, publish, async () => undefined)
      const page = await broker.inner.read(channelOfLog, { after: 0 }, ALL)
      for (const client of clients) {
        if (client.subscribed) expect(client.position, 'everybody has everything').toEqual([page.epoch, page.head])
      }
      await end(house, broker, clients)
    },
  )
  await fc.assert(property, { numRuns: 150, seed: 7 })
})

test('whatever happens, a subscriber of the newest per key ends with the newest of every key', async () => {
  const property = fc.asyncProperty(
    fc.array(event, { maxLength: 60, size: 'max' }),
    fc.constantFrom(1, 3, 256),
    async (events, changes) => {
      const clock = new VirtualClock()
      const broker = new FaultyBroker(clock)
      const house = new House({ clock, broker, rings: ringsOf(changes) })
      const clients = Array.from({ length: GUESTS }, (_, i) => new LatestClient(house, `g${i}`))
      let count = 0
      const publish = async (who: string) => void (await house.publish(small.latest, { who, at: ++count }))
      const retract = async (key: string) => void (await house.hub.retract(small.latest as never, 'a', key))
      // With `rewind` only some of the keys are asked for.
      const all = events.map(each => (each.kind === 'subscribe' ? { ...each, rewind: null } : each))
      await run(clients, house, broker, all, publish, retract)
      const there = await stateOf(broker, channelOfLatest)
      for (const client of clients) {
        if (!client.subscribed) continue
        expect(new Map([...client.state].sort())).toEqual(there)
        expect(client.caughtUp, 'everybody knows that they have everything').toBe(true)
      }
      await end(house, broker, clients)
    },
  )
  await fc.assert(property, { numRuns: 150, seed: 7 })
})

/** How much is at hand without asking the broker. */
function ringsOf(changes: number): Rings {
  return new Rings({ changes, bytes: 100_000, totalBytes: 100_000 })
}

const channelOfLog = channelRef(small.log as never, 'a')
const channelOfLatest = channelRef(small.latest as never, 'a')

async function stateOf(broker: FaultyBroker, channel: BrokerChannel): Promise<Map<string, unknown>> {
  const { decodeValue } = await import('@tautline/core/wire')
  const { changes } = await broker.inner.read(channel, { after: 0 }, ALL)
  const kept = changes.flatMap(({ key = '', body }) => (body ? [[key, decodeValue(body)] as const] : []))
  return new Map([...kept].sort())
}
