import type { TopicEntry } from '@tautline/core'
import type { Clock, Deadline, Deadlines, Position } from '@tautline/core/wire'
import type { Broker, BrokerChannel } from './broker.ts'
import { Channel } from './channel.ts'
import type { ServerLimits } from './limits.ts'
import { OwnedKeys } from './owned.ts'
import { Presence } from './presence.ts'
import { Publications, retentionOf } from './publications.ts'
import { Rings } from './ring.ts'
import { isThenable } from './thenable.ts'
import { Tick } from './tick.ts'
import type { PublishOptions, TopicsPort } from './topics.ts'

/** All channels are compared with the broker this often, in ms, so many at a time: what is lost is there within 10 s. */
const CHECK_MS = 9_500
const CHECK_CHANNELS = 1_000
/** So many ms may lie between what the broker has and what its feed tells. */
const LATE_MS = 200
/** A channel that nobody follows any more is kept for so many ms, in case somebody comes back; at most so many are. */
const LINGER_MS = 5_000
const LINGERING = 1_000

/** What a hub is made of. */
export interface HubParts {
  readonly broker: Broker
  readonly clock: Pick<Clock, 'defer'>
  readonly deadlines: Deadlines
  readonly limits: Pick<ServerLimits, 'messageBytes' | 'presenceMembers'>
  /** What it keeps for sockets that are a little behind; a little of every channel, unless told otherwise. */
  readonly rings?: Rings
}

interface Seat {
  readonly channel: Channel
  followers: number
}

/** All topics of a server: what is published goes to the broker, and what the broker tells goes to those who follow. */
export class Hub implements TopicsPort {
  readonly presence: Presence
  readonly owned: OwnedKeys
  readonly #parts: HubParts
  readonly #publications: Publications
  readonly #rings: Rings
  readonly #tick: Tick
  readonly #seats = new Map<string, Seat>()
  readonly #lingering = new Map<Seat, Deadline>()
  readonly #offStatus: () => void
  readonly #late = new Set<Deadline>()
  /** Who waits for the broker. */
  readonly #waiting = new Set<() => void>()
  #check: Deadline | undefined

  constructor(parts: HubParts) {
    const { broker, deadlines, limits } = parts
    this.#parts = parts
    this.#rings = parts.rings ?? new Rings()
    this.#tick = new Tick(parts.clock)
    this.#publications = new Publications(parts)
    this.presence = new Presence(broker, deadlines, limits.presenceMembers)
    this.owned = new OwnedKeys(broker, deadlines)
    this.#offStatus = broker.onStatus(status => {
      if (status === 'down') return
      void this.#compare()
      for (const go of [...this.#waiting]) go()
    })
  }

  /** Whether the broker is away. */
  get alone(): boolean {
    return this.#parts.broker.status === 'down'
  }

  /** Resolves when the broker is back, or nobody waits for that any more. */
  reunited(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const go = () => {
        this.#waiting.delete(go)
        signal.removeEventListener('abort', go)
        resolve()
      }
      this.#waiting.add(go)
      signal.addEventListener('abort', go)
      if (signal.aborted || !this.alone) go()
    })
  }

  /** Channels that are followed, or were a moment ago. */
  get channels(): number {
    return this.#seats.size
  }

  /** Validates a message, encodes it once, and hands it to the broker. See {@link Publications.publish}. */
  async publish(topic: TopicEntry, params: unknown, message: unknown, options: PublishOptions = {}): Promise<Position> {
    const { owner } = options
    const retain = retentionOf(topic)
    const preparing = this.#publications.prepare(topic, params, message, options)
    const prepared = isThenable(preparing) ? await preparing : preparing
    if (owner === undefined || retain.kind !== 'latest' || !retain.owned) {
      return this.#publications.send(prepared, options)
    }
    return this.owned.publish(owner, prepared, leaseMs => this.#publications.send(prepared, { ...options, leaseMs }))
  }

  /** Takes a key out of a `latestBy` topic. See {@link Publications.retract}. */
  retract(topic: TopicEntry, params: unknown, key: string): Promise<Position> {
    return this.#publications.retract(topic, params, key)
  }

  /**
   * Follows a channel, until {@link Hub.leave}.
   *
   * @throws {@link TautlineError} `UNAVAILABLE` when the broker gives no feed.
   */
  async follow(ref: BrokerChannel): Promise<Channel> {
    const seat = this.#seats.get(ref.name) ?? this.#take(ref)
    seat.followers += 1
    this.#parts.deadlines.delete(this.#lingering.get(seat))
    this.#lingering.delete(seat)
    try {
      await seat.channel.opened
    } catch (error) {
      this.#free(seat)
      throw error
    }
    return seat.channel
  }

  /** One follower less; the channel is given up soon after the last one. */
  leave(channel: Channel): void {
    const seat = this.#seats.get(channel.ref.name)
    if (seat?.channel !== channel) return
    seat.followers -= 1
    if (seat.followers > 0) return
    this.#lingering.set(
      seat,
      this.#parts.deadlines.add(LINGER_MS, () => this.#free(seat)),
    )
    if (this.#lingering.size <= LINGERING) return
    const [oldest] = this.#lingering.keys()
    if (oldest) this.#free(oldest)
  }

  /** Takes everybody out of presence, and gives all channels up. */
  async close(): Promise<void> {
    this.#offStatus()
    this.#stopChecks()
    for (const seat of [...this.#seats.values()]) this.#free(seat)
    await Promise.all([this.presence.close(), this.owned.close()])
  }

  #take(ref: BrokerChannel): Seat {
    const seat = { channel: new Channel(ref, { ...this.#parts, rings: this.#rings, tick: this.#tick }), followers: 0 }
    this.#seats.set(ref.name, seat)
    this.#armCheck()
    return seat
  }

  #free(seat: Seat): void {
    const { name } = seat.channel.ref
    this.#parts.deadlines.delete(this.#lingering.get(seat))
    this.#lingering.delete(seat)
    seat.channel.close()
    if (this.#seats.get(name) !== seat) return
    this.#seats.delete(name)
    if (this.#seats.size === 0) this.#stopChecks()
  }

  #armCheck(): void {
    this.#check ??= this.#parts.deadlines.add(CHECK_MS, () => {
      this.#check = undefined
      this.#armCheck()
      void this.#compare()
    })
  }

  #stopChecks(): void {
    const { deadlines } = this.#parts
    deadlines.delete(this.#check)
    this.#check = undefined
    for (const late of this.#late) deadlines.delete(late)
    this.#late.clear()
  }

  /** Asks the broker for the newest of every channel: a lost last message is found, too. */
  async #compare(): Promise<void> {
    const channels = [...this.#seats.values()].map(seat => seat.channel).filter(channel => channel.retains)
    for (let i = 0; i < channels.length; i += CHECK_CHANNELS) {
      const isAnswered = await this.#compareSome(channels.slice(i, i + CHECK_CHANNELS))
      if (!isAnswered) return
    }
  }

  /** Whether the broker answered; one that does not is asked again soon. */
  async #compareSome(channels: readonly Channel[]): Promise<boolean> {
    const turns = channels.map(channel => channel.turns)
    const asked = this.#parts.broker.heads(channels.map(channel => channel.ref))
    const positions = await asked.catch(() => undefined)
    for (const [i, channel] of channels.entries()) {
      const position = positions?.[i]
      if (position) this.#compareOne(channel, position, turns[i] ?? 0)
    }
    return positions !== undefined
  }

  /** What the broker has and the feed has not may be on its way: looked at again a little later. */
  #compareOne(channel: Channel, position: Position, turns: number): void {
    channel.resume()
    if (position[0] === channel.epoch && position[1] <= channel.head) return
    const late = this.#parts.deadlines.add(LATE_MS, () => {
      this.#late.delete(late)
      channel.learn(position, turns)
    })
    this.#late.add(late)
  }
}
