import { channelOf, TautlineError, toWire } from '@tautline/core'
import {
  type Deadlines,
  encodeValue,
  FrameType,
  type Link,
  ProtocolError,
  type Subscribe,
  type SubscribeFields,
  type Unsubscribe,
} from '@tautline/core/wire'
import type { BrokerChannel } from './broker.ts'
import type { Admission } from './dispatch.ts'
import { type Entered, enter } from './enter.ts'
import type { Hub } from './hub.ts'
import type { InFlight } from './inflight.ts'
import type { ServerLimits } from './limits.ts'
import { type Member, Membership } from './membership.ts'
import { PRESENCE_RETENTION } from './presence.ts'
import { retentionOf } from './publications.ts'
import { refusal } from './refusal.ts'
import { type Seat, Seats } from './seats.ts'

/** What the subscriptions of a session need. */
export interface SubscriptionsParts {
  readonly hub: Hub
  readonly link: Pick<Link, 'attached' | 'unsentBytes' | 'send' | 'sendEncoded' | 'sendNow'>
  readonly deadlines: Deadlines
  readonly limits: Pick<ServerLimits, 'subscriptions' | 'highWaterBytes' | 'lowWaterBytes'>
  /** Slots of the handlers that decide; where there are none, they are not counted. */
  readonly deciding?: Pick<InFlight, 'full'>
  /** Whether who subscribes while the broker is away waits until it is back, instead of being refused. */
  readonly patient?: boolean
  /** The public id of the session. */
  readonly publicId: string
  /** Asks whether the client may subscribe. Throws a {@link TautlineError} that it may be told. */
  readonly admit: (path: string, params: unknown, signal: AbortSignal) => Promise<Admission>
  /** Keeps an error that is not the client's business, and returns what the client is told. */
  readonly internal: (error: unknown, path: string) => TautlineError
}

/** A subscription whose admission is under way. */
interface Asked {
  readonly kind: 'asked'
  readonly id: number
  readonly path: string
  readonly params: unknown
  readonly abort: AbortController
  /** Whoever the client was when it was admitted, it may be somebody else by now. */
  outdated: boolean
}

/** A subscription that messages go out to. */
interface Held {
  readonly kind: 'held'
  readonly id: number
  readonly path: string
  readonly params: unknown
  readonly seat: Seat
}

/** What an admission came to: the channel, and what the session is a member of because of it. */
interface Granted {
  readonly channel: BrokerChannel
  readonly member: Member | undefined
}

/** Why a decision is not waited for; made once, because each would be made with a stack. */
const GIVEN_UP = refusal('CANCELLED')

/** One session's subscriptions: from SUBSCRIBE and UNSUBSCRIBE to cursors, and who is present because of them. */
export class Subscriptions {
  readonly #parts: SubscriptionsParts
  readonly #all = new Map<number, Asked | Held>()
  readonly #seats: Seats
  readonly #membership: Membership
  #state: 'attached' | 'detached' | 'closed' = 'detached'
  /** One for each that is being asked about again: many listeners on one signal look like a leak to Node. */
  #rechecks: readonly { readonly held: Held; readonly abort: AbortController }[] = []

  constructor(parts: SubscriptionsParts) {
    this.#parts = parts
    const { hub, deadlines, publicId } = parts
    this.#seats = new Seats(parts)
    this.#membership = new Membership(hub.presence, deadlines, publicId)
  }

  /** Subscriptions, with those that are being decided. */
  get size(): number {
    return this.#all.size
  }

  /**
   * A frame came in.
   *
   * @throws {@link ProtocolError} when the id of a subscription is used for another one.
   */
  receive(frame: Subscribe | Unsubscribe): void {
    if (this.#state !== 'attached') return
    if (frame[0] === FrameType.SUBSCRIBE) this.#subscribe(frame)
    else this.#drop(frame[1])
  }

  /** A new socket: who was present has a while to subscribe again. */
  attached(): void {
    this.#state = 'attached'
    this.#membership.attached()
  }

  /** The socket is gone, and what belongs to it; who was present still is. */
  detached(): void {
    if (this.#state === 'closed') return
    this.#state = 'detached'
    this.#release()
  }

  /** There may be room: those who are behind go on, in turns. */
  room(): void {
    this.#seats.room()
  }

  /** The client is somebody else now: asks again for everything, and ends what is refused. */
  async recheck(): Promise<void> {
    this.#giveUpRechecks()
    const rechecks: { held: Held; abort: AbortController }[] = []
    for (const each of this.#all.values()) {
      if (each.kind === 'held') rechecks.push({ held: each, abort: new AbortController() })
      else each.outdated = true
    }
    this.#rechecks = rechecks
    await Promise.all(rechecks.map(({ held, abort }) => this.#askAgain(held, abort.signal)))
    if (this.#rechecks === rechecks) this.#rechecks = []
  }

  /** The session is over: it is present nowhere. */
  close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#release()
    this.#membership.close()
  }

  #subscribe([, id, path, params, fields]: Subscribe): void {
    if (this.#all.has(id)) throw new ProtocolError('the id of a subscription is not used twice')
    const { subscriptions } = this.#parts.limits
    if (this.#all.size >= subscriptions) {
      return this.#refuse(id, refusal('RESOURCE_EXHAUSTED', `a session may have ${subscriptions} subscriptions`))
    }
    if (this.#parts.deciding?.full) {
      return this.#refuse(id, refusal('RESOURCE_EXHAUSTED', 'too many are being decided'))
    }
    const asked: Asked = { kind: 'asked', id, path, params, abort: new AbortController(), outdated: false }
    this.#all.set(id, asked)
    void this.#begin(asked, fields)
  }

  async #begin(asked: Asked, fields: SubscribeFields | undefined): Promise<void> {
    const { hub, patient = false } = this.#parts
    const { signal } = asked.abort
    let entered: Entered | undefined
    try {
      let granted = await this.#ask(asked, signal)
      if (signal.aborted) return
      entered = await enter(hub, granted.channel, { fields, signal, patient })
      while (asked.outdated && !signal.aborted) {
        asked.outdated = false
        granted = await this.#ask(asked, signal)
      }
      if (signal.aborted || !entered) return
      this.#hold(asked, granted, entered)
      entered = undefined
    } catch (error) {
      if (signal.aborted) return
      this.#all.delete(asked.id)
      this.#refuse(asked.id, this.#told(error, asked.path))
    } finally {
      if (entered) hub.leave(entered.channel)
    }
  }

  async #ask({ path, params }: Asked | Held, signal: AbortSignal): Promise<Granted> {
    const admission = await this.#parts.admit(path, params, signal)
    const retain = admission.presence ? PRESENCE_RETENTION : retentionOf(admission.topic)
    const channel = { name: admission.channel, retain }
    const value = await admission.member?.()
    if (value === undefined) return { channel, member: undefined }
    const name = channelOf(`${admission.topic.path}@presence`, admission.params)
    return { channel, member: { channel: { name, retain: PRESENCE_RETENTION }, value: encodeValue(value) } }
  }

  #hold({ id, path, params }: Asked, { member }: Granted, entered: Entered): void {
    const { link } = this.#parts
    const { channel, place, gap } = entered
    const { epoch, after, base } = place
    const seat = this.#seats.take(id, entered, member?.channel)
    this.#all.set(id, { kind: 'held', id, path, params, seat })
    // Who reads all keys may go on from the middle, and then says as of when it has read them: as of this head.
    const newest = epoch === channel.epoch ? channel.head : 0
    const head = base > after ? base : Math.max(newest, after)
    link.send([FrameType.SUBSCRIBED, id, { channel: channel.ref.name, epoch, offset: after, head, gap }])
    if (member) this.#membership.enter(member)
    seat.cursor.run()
  }

  async #askAgain(held: Held, signal: AbortSignal): Promise<void> {
    const { id, path } = held
    const isHeld = () => !signal.aborted && this.#all.get(id) === held
    try {
      const { member } = await this.#ask(held, signal)
      if (member && isHeld()) this.#membership.enter(member)
    } catch (error) {
      if (!isHeld()) return
      this.#drop(id)
      this.#parts.link.send([FrameType.UNSUBSCRIBE, id, toWire(this.#told(error, path))])
    }
  }

  #drop(id: number): void {
    const subscription = this.#all.get(id)
    if (!subscription) return
    this.#all.delete(id)
    if (subscription.kind === 'asked') return subscription.abort.abort(GIVEN_UP)
    const { seat } = subscription
    if (this.#seats.leave(id, seat) && seat.presence) this.#membership.leave(seat.presence)
  }

  #giveUpRechecks(): void {
    for (const { abort } of this.#rechecks) abort.abort(GIVEN_UP)
  }

  /** Everything that belongs to the socket. */
  #release(): void {
    this.#membership.detached()
    this.#giveUpRechecks()
    for (const each of this.#all.values()) if (each.kind === 'asked') each.abort.abort(GIVEN_UP)
    this.#seats.clear()
    this.#all.clear()
  }

  #refuse(id: number, error: TautlineError): void {
    this.#parts.link.send([FrameType.SUBSCRIBED, id, { error: toWire(error) }])
  }

  #told(error: unknown, path: string): TautlineError {
    return error instanceof TautlineError ? error : this.#parts.internal(error, path)
  }
}
