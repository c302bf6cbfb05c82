import type { Link } from '@tautline/core/wire'
import type { BrokerChannel } from './broker.ts'
import type { Channel } from './channel.ts'
import { Cursor, type CursorLink } from './cursor.ts'
import type { Entered } from './enter.ts'
import { Flow, type FlowLimits } from './flow.ts'
import type { Hub } from './hub.ts'

/** One channel of a session's socket: one cursor, however many subscriptions. */
export interface Seat {
  readonly channel: Channel
  readonly cursor: Cursor
  /** Of the subscriptions. */
  readonly ids: Set<number>
  /** Where the session is a member because of it. */
  readonly presence: BrokerChannel | undefined
}

/** What seats need. */
export interface SeatsParts {
  readonly hub: Pick<Hub, 'leave'>
  readonly link: CursorLink & Pick<Link, 'attached'>
  readonly limits: FlowLimits
}

/** The channels that a session's socket follows. Those who are behind share the room that there is, in turns. */
export class Seats {
  readonly #hub: SeatsParts['hub']
  readonly #link: CursorLink
  readonly #flow: Flow
  /** By channel; who had its turn goes to the end. */
  readonly #seats = new Map<string, Seat>()

  constructor({ hub, link, limits }: SeatsParts) {
    this.#hub = hub
    this.#link = link
    this.#flow = new Flow(link, limits)
  }

  /** Seats a subscription; nothing is sent before its cursor runs. */
  take(id: number, { channel, place }: Entered, presence: BrokerChannel | undefined): Seat {
    const { name } = channel.ref
    const seat = this.#seats.get(name) ?? {
      channel,
      cursor: new Cursor(channel, this.#link, this.#flow, place),
      ids: new Set(),
      presence,
    }
    this.#seats.set(name, seat)
    seat.cursor.rewind(place)
    seat.ids.add(id)
    return seat
  }

  /** A subscription is over. Returns whether it was the last of its seat. */
  leave(id: number, { channel, cursor, ids }: Seat): boolean {
    this.#hub.leave(channel)
    ids.delete(id)
    if (ids.size > 0) return false
    cursor.close()
    this.#seats.delete(channel.ref.name)
    return true
  }

  /** There may be room: those who are behind go on. */
  room(): void {
    if (!this.#anyBehind() || !this.#flow.idle) return
    const behind = [...this.#seats.values()].filter(({ cursor }) => cursor.behind)
    for (const seat of behind) {
      const { name } = seat.channel.ref
      if (this.#seats.get(name) !== seat || !this.#flow.idle) continue
      this.#seats.delete(name)
      this.#seats.set(name, seat)
      seat.cursor.run()
    }
  }

  /** The socket is gone. */
  clear(): void {
    for (const { cursor } of this.#seats.values()) cursor.close()
    for (const { channel, ids } of this.#seats.values()) for (const _ of ids) this.#hub.leave(channel)
    this.#seats.clear()
  }

  /** Asked whenever something has left, and then nearly always in vain. */
  #anyBehind(): boolean {
    for (const { cursor } of this.#seats.values()) if (cursor.behind) return true
    return false
  }
}
