import { channelOf, contract, entriesOf, TautlineError, type TopicEntry, topic } from '@tautline/core'
import {
  Deadlines,
  decodeMessage,
  FrameType,
  type Position,
  SCAN_LIMITS,
  type Subscribe,
  type SubscribeFields,
} from '@tautline/core/wire'
import { expect } from 'vitest'
import * as z from 'zod'
import { VirtualClock } from '../../../testing/src/clock.ts'
import type { Broker } from '../../src/broker.ts'
import type { Admission } from '../../src/dispatch.ts'
import { guardedBroker } from '../../src/guarded-broker.ts'
import { Hub } from '../../src/hub.ts'
import { memory } from '../../src/memory.ts'
import { Rings } from '../../src/ring.ts'
import { Subscriptions } from '../../src/subscriptions.ts'
import { FaultyBroker } from './faulty-broker.ts'

/** One topic of each kind of memory. */
export const rooms = contract({
  live: topic({ params: z.string(), message: z.string() }),
  log: topic({ params: z.string(), message: z.string(), presence: z.string(), retain: { count: 10 } }),
  latest: topic({
    params: z.string(),
    message: z.object({ who: z.string(), at: z.number() }),
    retain: { latestBy: ({ who }) => who, owned: true },
  }),
  big: topic({ params: z.string(), message: z.string(), retain: { count: 1_000 } }),
  small: {
    log: topic({ params: z.string(), message: z.string(), retain: { count: 4, seconds: 20 } }),
    latest: topic({
      params: z.string(),
      message: z.object({ who: z.string(), at: z.number() }),
      retain: { latestBy: ({ who }) => who, seconds: 20 },
    }),
  },
})

const entries = entriesOf(rooms)

/** What a client is sent, as far as topics go. */
export type Told =
  | { readonly kind: 'subscribed'; readonly id: number; readonly fields: Readonly<Record<string, unknown>> }
  | {
      readonly kind: 'message'
      readonly channel: string
      readonly offset: number
      readonly message: unknown
      readonly key?: string
    }
  | { readonly kind: 'retract'; readonly channel: string; readonly offset: number; readonly key: string }
  | { readonly kind: 'gap'; readonly channel: string; readonly epoch: string | null; readonly offset: number }
  | { readonly kind: 'unsubscribed'; readonly id: number; readonly error: { readonly code: string } }

/** Hub, broker and clock of one server, without a door. */
export class House {
  readonly clock: VirtualClock
  readonly broker: Broker
  readonly deadlines: Deadlines
  readonly hub: Hub
  readonly errors: unknown[] = []
  /** Why the broker failed, as `onError` is told. */
  readonly troubles: unknown[] = []

  constructor({ clock = new VirtualClock(), broker = memory({ clock }), members = 1_000, rings = new Rings() } = {}) {
    this.clock = clock
    this.broker = broker
    this.deadlines = new Deadlines(clock, 10)
    const failures = { report: (error: unknown) => String(this.troubles.push(error)) }
    this.hub = new Hub({
      broker: guardedBroker(broker, { clock, deadlines: this.deadlines, failures }),
      clock,
      deadlines: this.deadlines,
      limits: { messageBytes: 1_024 * 1_024, presenceMembers: members },
      rings,
    })
  }

  publish(
    entry: unknown,
    message: unknown,
    options?: { key?: string; owner?: string; room?: string },
  ): Promise<Position> {
    return this.hub.publish(entry as TopicEntry, options?.room ?? 'a', message, options)
  }

  /** Closes everything, and expects that nothing is left over. */
  async end(...guests: readonly Guest[]): Promise<void> {
    for (const guest of guests) guest.close()
    await this.clock.advance(6_000)
    expect(this.hub.channels, 'channels left over').toBe(0)
    expect(this.hub.presence.size, 'rosters left over').toBe(0)
    await this.hub.close()
    await this.broker.close()
    expect(this.deadlines.size, 'deadlines left over').toBe(0)
    expect(this.clock.pending, 'timers left over').toBe(0)
    expect(this.errors, 'errors').toEqual([])
    // One that is made to fail fails with what its test looks at.
    if (!(this.broker instanceof FaultyBroker)) expect(this.troubles, 'troubles').toEqual([])
  }
}

/** One client of a house: its socket takes so many bytes at once and is drained by hand. */
export class Guest {
  readonly subscriptions: Subscriptions
  readonly link: FakeLink
  readonly told: Told[] = []
  /** Ends it, as a session ends. */
  readonly close: () => void
  admit: (path: string, params: unknown, signal: AbortSignal) => Promise<Admission>
  #id = 0

  constructor(
    house: House,
    { publicId = 'guest', highWaterBytes = 2_000, lowWaterBytes = 500, subscriptions = 128 } = {},
  ) {
    this.link = new FakeLink(house.clock, told => this.told.push(told))
    this.admit = admitted
    this.subscriptions = new Subscriptions({
      hub: house.hub,
      link: this.link as never,
      deadlines: house.deadlines,
      limits: { subscriptions, highWaterBytes, lowWaterBytes },
      patient: true,
      publicId,
      admit: (path, params, signal) => this.admit(path, params, signal),
      internal: (error, path) => {
        house.errors.push(error)
        return new TautlineError('INTERNAL', path)
      },
    })
    this.link.room = () => this.subscriptions.room()
    house.hub.owned.begin(publicId)
    this.close = () => {
      this.subscriptions.close()
      house.hub.owned.end(publicId)
    }
    this.attach()
  }

  attach(): void {
    this.link.attached = true
    this.subscriptions.attached()
  }

  detach(): void {
    this.link.attached = false
    this.link.unsentBytes = 0
    this.subscriptions.detached()
  }

  /** Subscribes and returns the id. */
  subscribe(path: string, fields?: SubscribeFields, room = 'a'): number {
    const id = ++this.#id
    const frame: Subscribe = [FrameType.SUBSCRIBE, id, path, room, fields]
    this.subscriptions.receive(frame)
    return id
  }

  unsubscribe(id: number): void {
    this.subscriptions.receive([FrameType.UNSUBSCRIBE, id])
  }

  /** What SUBSCRIBED said. */
  answer(id: number): Readonly<Record<string, unknown>> | undefined {
    const told = this.told.find(each => each.kind === 'subscribed' && each.id === id)
    return told?.kind === 'subscribed' ? told.fields : undefined
  }

  /** In short what has come since the last time: `m1:text`, `r2:key`, `gap@3`; answers are left out. */
  news(): string[] {
    return this.told.splice(0).flatMap(told => {
      if (told.kind === 'message') return [`m${told.offset}:${textOf(told.message)}`]
      if (told.kind === 'retract') return [`r${told.offset}:${told.key}`]
      return told.kind === 'gap' ? [`gap@${told.offset}`] : []
    })
  }
}

/** A link that keeps what it is sent until it is drained. */
export class FakeLink {
  attached = true
  unsentBytes = 0
  /** Whether everything is written out at the end of the tick. */
  fast = true
  room: () => void = () => undefined
  readonly #clock: VirtualClock
  readonly #tell: (told: Told) => void
  #flushing = false

  constructor(clock: VirtualClock, tell: (told: Told) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  send(frame: readonly unknown[]): number {
    const [type, id, fields] = frame as [number, number, Record<string, unknown>]
    if (!this.attached) return 0
    if (type === FrameType.SUBSCRIBED) this.#tell({ kind: 'subscribed', id, fields })
    else this.#tell({ kind: 'unsubscribed', id, error: fields as { code: string } })
    return 0
  }

  sendNow(frames: readonly Uint8Array[]): void {
    for (const bytes of frames) this.sendEncoded(bytes)
  }

  sendEncoded(bytes: Uint8Array): void {
    if (!this.attached) return
    decodeMessage(bytes, SCAN_LIMITS, value => this.#tell(toldBy(value)))
    this.unsentBytes += bytes.length
    if (this.#flushing) return
    this.#flushing = true
    this.#clock.defer(() => {
      this.#flushing = false
      if (this.fast) this.unsentBytes = 0
      this.room()
    })
  }

  /** So many bytes are written out. */
  drain(bytes = this.unsentBytes): void {
    this.unsentBytes = Math.max(0, this.unsentBytes - bytes)
    this.room()
  }
}

function toldBy(frame: readonly unknown[]): Told {
  const [type, channel, second, third, fourth] = frame as [number, string, never, never, never]
  if (type === FrameType.MESSAGE) {
    return {
      kind: 'message',
      channel,
      offset: second,
      message: third,
      ...(fourth === undefined ? undefined : { key: fourth }),
    }
  }
  if (type === FrameType.RETRACT) return { kind: 'retract', channel, offset: second, key: third }
  if (type === FrameType.GAP) return { kind: 'gap', channel, epoch: second ?? null, offset: third }
  throw new Error(`frame ${type} is not expected here`)
}

/** Lets everybody in, as a dispatcher would. */
export async function admitted(path: string, params: unknown): Promise<Admission> {
  const presence = path.endsWith('@presence')
  const entry = entries.get(path.replace('@presence', '')) as TopicEntry
  const admission = { topic: entry, presence, channel: channelOf(path, params), params }
  return entry.presence && !presence ? { ...admission, member: async () => 'someone' } : admission
}

function textOf(message: unknown): string {
  return typeof message === 'object' && message !== null ? Object.values(message).join('/') : String(message)
}
