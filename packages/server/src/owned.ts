import { TautlineError } from '@tautline/core'
import type { Deadlines, Position } from '@tautline/core/wire'
import type { Broker, BrokerChannel } from './broker.ts'
import { LEASE_MS, Leases } from './leases.ts'
import type { Prepared } from './publications.ts'

/** Keys that a session may own at a time. */
const MOST_KEYS = 1_000

interface OwnedKey {
  readonly channel: BrokerChannel
  readonly key: string
}

/** Keys of `owned` topics that clients have published: they go when the session does that published them last. */
export class OwnedKeys {
  readonly #broker: Broker
  readonly #leases: Leases
  /** Sessions by public id, with what they own by channel and key; nearly all own nothing, and have no map for it. */
  readonly #owners = new Map<string, Map<string, OwnedKey> | undefined>()
  readonly #ownerOf = new Map<string, string>()
  readonly #going = new Set<Promise<unknown>>()

  constructor(broker: Broker, deadlines: Deadlines) {
    this.#broker = broker
    this.#leases = new Leases(broker, deadlines, (channel, key) => this.#disown(nameOf(channel, key)))
  }

  /** A session that may own keys. */
  begin(owner: string): void {
    this.#owners.set(owner, undefined)
  }

  /** It is over: its keys go. */
  end(owner: string): void {
    const keys = this.#owners.get(owner)
    this.#owners.delete(owner)
    for (const [name, owned] of keys ?? []) {
      this.#ownerOf.delete(name)
      this.#retract(owned, this.#leases.release(owned.channel, owned.key))
    }
  }

  /**
   * Publishes a message whose key `owner` owns from now on.
   *
   * @throws {@link TautlineError} `RESOURCE_EXHAUSTED` when it owns too many, and what `send` throws.
   */
  async publish(
    owner: string,
    { channel, key = '' }: Prepared,
    send: (leaseMs: number) => Promise<Position>,
  ): Promise<Position> {
    const name = nameOf(channel, key)
    const keys = this.#owners.get(owner)
    if (keys && keys.size >= MOST_KEYS && !keys.has(name)) {
      throw new TautlineError('RESOURCE_EXHAUSTED', `a session may own ${MOST_KEYS} keys at a time`)
    }
    const position = await send(LEASE_MS)
    this.#disown(name)
    if (!this.#owners.has(owner)) this.#retract({ channel, key }, position[1])
    else this.#own(owner, name, { channel, key }, position[1])
    return position
  }

  /** Waits until the keys of those who are gone are retracted. */
  async close(): Promise<void> {
    for (const owner of [...this.#owners.keys()]) this.end(owner)
    this.#leases.close()
    await Promise.all(this.#going)
  }

  #own(owner: string, name: string, owned: OwnedKey, offset: number): void {
    const keys = this.#owners.get(owner) ?? new Map<string, OwnedKey>()
    this.#owners.set(owner, keys.set(name, owned))
    this.#ownerOf.set(name, owner)
    this.#leases.hold(owned.channel, owned.key, offset)
  }

  #disown(name: string): void {
    this.#owners.get(this.#ownerOf.get(name) ?? '')?.delete(name)
    this.#ownerOf.delete(name)
  }

  /** Only if nobody has published the key since. What cannot be retracted now goes with its lease. */
  #retract({ channel, key }: OwnedKey, ifOffset: number | undefined): void {
    const going = this.#broker
      .publish(channel, { key, ifOffset })
      .catch(() => undefined)
      .finally(() => this.#going.delete(going))
    this.#going.add(going)
  }
}

function nameOf({ name }: BrokerChannel, key: string): string {
  return `${name}\n${key}`
}
