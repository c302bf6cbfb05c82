import { fromWire, TautlineError } from '@tautline/core'
import { type Encoded, encodeValue, type Frame, type RefusedFields, type SubscribedFields } from '@tautline/core/wire'
import * as FrameType from '@tautline/core/wire/frame-type'
import { backoff } from './backoff.ts'
import { check, refusalOf } from './check.ts'
import { intercept } from './interceptors.ts'
import { type Desk, type Request, type Sink, Subscription } from './subscription.ts'
import type { TopicLine } from './topic-line.ts'

/** Where a subscription stands on the present socket. Ids are 0 where there is none. */
type Seat = {
  readonly subscription: Subscription
  /** As they are sent, once they were checked. */
  params: Encoded | undefined
  /** Of its SUBSCRIBE. */
  id: number
  /** Of the one before, kept until `id` is answered, so that a member of a presence does not leave in between. */
  former: number
  /** Set when it was let in. */
  channel: string | undefined
  /** While interceptors have not let it go on. */
  held: boolean
  timer: unknown
}

/**
 * The subscriptions of a connection: asks the server for each on every new socket, and brings its frames to them
 * (protocol.md, frames 8 to 13). What is opened and closed in one tick sends nothing.
 */
export class Subscriptions implements Desk {
  readonly #line: TopicLine
  readonly #seats = new Map<Subscription, Seat>()
  readonly #asked = new Map<number, Seat>()
  readonly #channels = new Map<string, Set<Subscription>>()
  readonly #changed = new Set<Seat>()
  #newestId = 0
  #attached = false

  constructor(line: TopicLine) {
    this.#line = line
  }

  /** Opens a subscription; whatever is wrong with it is told to `sink`, at the end of the tick at the earliest. */
  add(request: Request, sink: Sink): Subscription {
    const subscription = new Subscription(this, request, sink)
    const held = this.#line.interceptors.length > 0
    const seat = { subscription, params: undefined, id: 0, former: 0, channel: undefined, held, timer: undefined }
    this.#seats.set(subscription, seat)
    if (held) this.#intercept(seat)
    else this.#change(seat)
    if (request.signal?.aborted) subscription.close()
    return subscription
  }

  /** A new socket: every subscription goes on from where it is. */
  attached(): void {
    this.#attached = true
    for (const seat of this.#seats.values()) {
      if (!this.#changed.has(seat) && !seat.subscription.away) this.#ask(seat)
    }
  }

  /** The socket is gone, and with it all ids and channels. */
  detached(): void {
    this.#attached = false
    this.#asked.clear()
    this.#channels.clear()
    for (const seat of this.#seats.values()) {
      this.#line.clock.clearTimeout(seat.timer)
      seat.id = seat.former = 0
      seat.channel = undefined
      seat.subscription.lag()
    }
  }

  /** Closes all of them, with `error` unless the application wanted it. */
  close(error?: TautlineError): void {
    for (const subscription of [...this.#seats.keys()]) subscription.end(error)
  }

  /** A frame came in; what is not for a subscription that is held is ignored. `size` is in bytes. */
  receive(frame: Frame, size: number): void {
    switch (frame[0]) {
      case FrameType.MESSAGE:
        for (const held of this.#held(frame[1])) held.message(frame[2], frame[3], frame[4], size)
        return
      case FrameType.RETRACT:
        for (const held of this.#held(frame[1])) held.retract(frame[2], frame[3])
        return
      case FrameType.GAP:
        for (const held of this.#held(frame[1])) held.gap(frame[2], frame[3])
        return
      case FrameType.SUBSCRIBED:
        return this.#answered(frame[1], frame[2])
      case FrameType.UNSUBSCRIBE: {
        const error = frame[2]
          ? fromWire(frame[2])
          : new TautlineError('CANCELLED', 'the server ended the subscription')
        return this.#refused(this.#asked.get(frame[1]), error)
      }
    }
  }

  again(subscription: Subscription, attempts: number): void {
    const seat = this.#seats.get(subscription)
    if (!seat) return
    if (seat.id) {
      this.#giveUp(seat.former)
      seat.former = seat.id
      this.#vacate(seat)
    }
    const { clock, random } = this.#line
    if (attempts === 0) this.#change(seat)
    else seat.timer = clock.setTimeout(() => this.#ask(seat), backoff(attempts, random))
  }

  leave(subscription: Subscription): void {
    const seat = this.#seats.get(subscription)
    if (!seat) return
    this.#giveUp(seat.id)
    this.#vacate(seat)
  }

  closed(subscription: Subscription): void {
    const seat = this.#seats.get(subscription)
    if (seat) this.#change(seat)
  }

  #held(channel: string): Iterable<Subscription> {
    return this.#channels.get(channel) ?? []
  }

  /** What is over for interceptors is the server's first answer: let in, or not. */
  #intercept(seat: Seat): void {
    const { subscription } = seat
    const { entry, params: input, signal } = subscription.request
    const perform = (): Promise<void> => {
      seat.held = false
      this.#change(seat)
      return subscription.ready
    }
    intercept(this.#line.interceptors, { entry, action: 'subscribe', input, headers: {}, signal }, perform).catch(
      error => subscription.end(TautlineError.from(error)),
    )
  }

  #change(seat: Seat): void {
    if (this.#changed.size === 0) this.#line.clock.defer(this.#settle)
    this.#changed.add(seat)
  }

  readonly #settle = (): void => {
    const changed = [...this.#changed]
    this.#changed.clear()
    const gone = changed.filter(isClosed)
    for (const seat of changed) if (!isClosed(seat)) this.#ask(seat, gone)
    for (const seat of gone) {
      this.#line.clock.clearTimeout(seat.timer)
      this.#giveUp(seat.id)
      this.#giveUp(seat.former)
      this.#vacate(seat)
      this.#seats.delete(seat.subscription)
    }
  }

  #ask(seat: Seat, gone: readonly Seat[] = []): void {
    if (seat.held) return
    const { subscription } = seat
    const { entry, path, params } = subscription.request
    this.#line.clock.clearTimeout(seat.timer)
    try {
      if (!this.#attached) this.#line.open()
      if (!seat.params) check(entry, entry.params, params, 'params of')
      seat.params ??= encodeValue(params)
      const fields = subscription.fields()
      const former = subscription.state === 'pending' && gone.find(old => old.channel && sameChannel(seat, old))
      if (former && !seat.id) this.#inherit(seat, former)
      if (seat.id || !this.#attached) return
      const id = ++this.#newestId
      this.#line.send([FrameType.SUBSCRIBE, id, path, seat.params, fields])
      seat.id = id
      this.#asked.set(id, seat)
    } catch (thrown) {
      subscription.end(refusalOf(thrown))
    }
  }

  /**
   * One of the same channel was closed in this tick. When both stand at the newest message the next one takes its place
   * and nothing is sent; else the former one is kept until the next one is answered.
   */
  #inherit(seat: Seat, former: Seat): void {
    const { id, channel = '' } = former
    this.#vacate(former)
    if (startsAtNewest(seat.subscription.request) && former.subscription.caughtUp) {
      seat.id = id
      this.#admit(seat, channel)
      seat.subscription.succeed(former.subscription)
    } else seat.former = id
  }

  #answered(id: number, fields: SubscribedFields | RefusedFields): void {
    const seat = this.#asked.get(id)
    if (!seat || seat.channel) return
    this.#giveUp(seat.former)
    seat.former = 0
    if ('error' in fields) return this.#refused(seat, fromWire(fields.error))
    this.#admit(seat, fields.channel)
    seat.subscription.admitted(fields)
  }

  #refused(seat: Seat | undefined, error: TautlineError): void {
    if (!seat) return
    this.#vacate(seat)
    seat.subscription.refused(error)
  }

  #admit(seat: Seat, channel: string): void {
    seat.channel = channel
    this.#asked.set(seat.id, seat)
    const held = this.#channels.get(channel)
    if (held) held.add(seat.subscription)
    else this.#channels.set(channel, new Set([seat.subscription]))
  }

  #vacate(seat: Seat): void {
    const { id, channel = '', subscription } = seat
    seat.id = 0
    seat.channel = undefined
    this.#asked.delete(id)
    const held = this.#channels.get(channel)
    if (held?.delete(subscription) && held.size === 0) this.#channels.delete(channel)
  }

  #giveUp(id: number): void {
    if (id && this.#attached) this.#line.send([FrameType.UNSUBSCRIBE, id])
  }
}

function isClosed({ subscription }: Seat): boolean {
  return subscription.state === 'closed'
}

function startsAtNewest({ since, rewind, latest }: Request): boolean {
  return since === undefined && (rewind === 0 || (rewind === undefined && !latest))
}

/** Judged by what the application gave: the server names a channel only with its answer. */
function sameChannel(a: Seat, b: Seat): boolean {
  return (
    a.subscription.request.path === b.subscription.request.path && String(a.params?.bytes) === String(b.params?.bytes)
  )
}
