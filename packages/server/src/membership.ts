import type { Deadline, Deadlines, Encoded } from '@tautline/core/wire'
import type { BrokerChannel } from './broker.ts'
import type { Presence } from './presence.ts'

/** A client that resumes has so many ms to subscribe again before it is no longer present. */
const RETURN_MS = 5_000

/** What a session is a member of, and what others see of it there. */
export interface Member {
  readonly channel: BrokerChannel
  readonly value: Encoded
}

/** Where one session is present: a drop that is resumed makes it leave nowhere. */
export class Membership {
  readonly #presence: Presence
  readonly #deadlines: Deadlines
  readonly #publicId: string
  /** By name; whether it is subscribed to on the present socket. Most sessions are members of nothing. */
  #channels: Map<string, { readonly channel: BrokerChannel; subscribed: boolean }> | undefined
  #return: Deadline | undefined

  constructor(presence: Presence, deadlines: Deadlines, publicId: string) {
    this.#presence = presence
    this.#deadlines = deadlines
    this.#publicId = publicId
  }

  /** Subscribed: it is there. */
  enter({ channel, value }: Member): void {
    this.#channels ??= new Map()
    this.#channels.set(channel.name, { channel, subscribed: true })
    this.#presence.enter(channel, this.#publicId, value)
  }

  /** Unsubscribed: it is not. */
  leave(channel: BrokerChannel): void {
    if (this.#channels?.delete(channel.name)) this.#presence.leave(channel, this.#publicId)
  }

  /** A new socket: it has a while to subscribe again. */
  attached(): void {
    if (this.#channels?.size) this.#return = this.#deadlines.add(RETURN_MS, () => this.#leaveAll(true))
  }

  /** The socket is gone, and it is still there. */
  detached(): void {
    this.#deadlines.delete(this.#return)
    this.#return = undefined
    for (const each of this.#channels?.values() ?? []) each.subscribed = false
  }

  /** The session is over. */
  close(): void {
    this.detached()
    this.#leaveAll(false)
  }

  #leaveAll(butSubscribed: boolean): void {
    this.#return = undefined
    for (const { channel, subscribed } of [...(this.#channels?.values() ?? [])]) {
      if (!subscribed || !butSubscribed) this.leave(channel)
    }
  }
}
