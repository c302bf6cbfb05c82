import { type Deadline, type Deadlines, type Encoded, encodeValue } from '@tautline/core/wire'
import type { Broker, BrokerChannel, Retention } from './broker.ts'
import { LEASE_MS, Leases } from './leases.ts'

/** Changes of a channel are told at most so often, in ms. */
const REST_MS = 1_000
/** Stands for all who are there when they are too many to be listed. */
const EVERYBODY = ''

/** How a presence channel remembers: everybody who is there, for as long as they are. */
export const PRESENCE_RETENTION: Retention = { kind: 'latest', count: 10_000, seconds: Number.POSITIVE_INFINITY }

/** Who is in one channel, on this server, and what of it has been told. */
interface Roster {
  readonly channel: BrokerChannel
  readonly members: Map<string, Encoded>
  readonly listed: Set<string>
  readonly changed: Set<string>
  /** How many were said to be there when they were too many to be listed. */
  counted: number | undefined
  state:
    | { readonly kind: 'ready' }
    | { readonly kind: 'telling' }
    | { readonly kind: 'resting'; readonly until: Deadline }
}

/**
 * Who is subscribed to what (protocol.md, "Presence"): a `latestBy` channel of members, keyed by the public id of their
 * session, told through the broker like any other.
 */
export class Presence {
  readonly #broker: Broker
  readonly #deadlines: Deadlines
  readonly #most: number
  readonly #leases: Leases
  readonly #rosters = new Map<string, Roster>()

  /** @param most - members that are listed per channel; beyond that they are counted. */
  constructor(broker: Broker, deadlines: Deadlines, most: number) {
    this.#broker = broker
    this.#deadlines = deadlines
    this.#most = most
    this.#leases = new Leases(broker, deadlines, (channel, key) => this.#lost(channel, key))
  }

  /** Channels that somebody is in, or that somebody has just left. */
  get size(): number {
    return this.#rosters.size
  }

  /** A session is there, or has changed what others see of it. */
  enter(channel: BrokerChannel, publicId: string, member: Encoded): void {
    const roster = this.#roster(channel)
    const before = roster.members.get(publicId)
    if (before && isSame(before.bytes, member.bytes)) return
    roster.members.set(publicId, member)
    this.#change(roster, publicId)
  }

  /** A session is no longer there. */
  leave({ name }: BrokerChannel, publicId: string): void {
    const roster = this.#rosters.get(name)
    if (roster?.members.delete(publicId)) this.#change(roster, publicId)
  }

  /** Takes everybody out who is still there, and waits until that is told. */
  async close(): Promise<void> {
    const rosters = [...this.#rosters.values()]
    this.#rosters.clear()
    this.#leases.close()
    await Promise.all(rosters.map(roster => this.#clear(roster)))
  }

  #roster(channel: BrokerChannel): Roster {
    const known = this.#rosters.get(channel.name)
    if (known) return known
    const roster: Roster = {
      channel,
      members: new Map(),
      listed: new Set(),
      changed: new Set(),
      counted: undefined,
      state: { kind: 'ready' },
    }
    this.#rosters.set(channel.name, roster)
    return roster
  }

  #change(roster: Roster, publicId: string): void {
    roster.changed.add(publicId)
    if (roster.state.kind === 'ready') void this.#tell(roster)
  }

  async #tell(roster: Roster): Promise<void> {
    roster.state = { kind: 'telling' }
    // Whoever comes and goes in the same tick is told of together.
    await Promise.resolve()
    const changed = [...roster.changed]
    roster.changed.clear()
    await Promise.all(changed.map(publicId => this.#tellOf(roster, publicId)))
    await this.#tellCount(roster)
    if (this.#rosters.get(roster.channel.name) !== roster) return
    roster.state = { kind: 'resting', until: this.#deadlines.add(REST_MS, () => this.#rested(roster)) }
  }

  #rested(roster: Roster): void {
    roster.state = { kind: 'ready' }
    if (roster.changed.size > 0 || this.#countOf(roster) !== roster.counted) void this.#tell(roster)
    else if (roster.members.size === 0) this.#rosters.delete(roster.channel.name)
  }

  async #tellOf(roster: Roster, publicId: string): Promise<void> {
    const { channel, members, listed, changed } = roster
    const member = members.get(publicId)
    const wasListed = listed.has(publicId)
    if (member ? !wasListed && listed.size >= this.#most : !wasListed) return
    if (member) listed.add(publicId)
    else listed.delete(publicId)
    try {
      await this.#publish(channel, publicId, member)
      if (!member) this.#promote(roster)
    } catch {
      // It is told with the next changes.
      if (!member) listed.add(publicId)
      changed.add(publicId)
    }
  }

  /** Somebody who was only counted is listed in the place of one who left. */
  #promote({ members, listed, changed }: Roster): void {
    if (members.size <= listed.size) return
    for (const publicId of members.keys()) {
      if (listed.has(publicId) || changed.has(publicId)) continue
      changed.add(publicId)
      return
    }
  }

  async #tellCount(roster: Roster): Promise<void> {
    const count = this.#countOf(roster)
    if (count === roster.counted) return
    try {
      await this.#publish(roster.channel, EVERYBODY, count === undefined ? undefined : encodeValue({ count }))
      roster.counted = count
    } catch {
      // It is told with the next changes.
    }
  }

  #countOf({ members, listed }: Roster): number | undefined {
    return members.size > listed.size ? members.size : undefined
  }

  async #publish(channel: BrokerChannel, key: string, member: Encoded | undefined): Promise<void> {
    const publication = member ? { key, body: member.bytes, leaseMs: LEASE_MS } : { key }
    if (!member) this.#leases.release(channel, key)
    const [, offset] = await this.#broker.publish(channel, publication)
    if (member) this.#leases.hold(channel, key, offset)
  }

  /** The broker has forgotten what it was told: it is told again. */
  #lost({ name }: BrokerChannel, key: string): void {
    const roster = this.#rosters.get(name)
    if (!roster) return
    if (key === EVERYBODY) roster.counted = undefined
    else roster.listed.delete(key)
    this.#change(roster, key)
  }

  async #clear({ channel, listed, counted, state }: Roster): Promise<void> {
    if (state.kind === 'resting') this.#deadlines.delete(state.until)
    const keys = counted === undefined ? [...listed] : [...listed, EVERYBODY]
    // What cannot be told now goes with its lease.
    await Promise.allSettled(keys.map(key => this.#publish(channel, key, undefined)))
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
