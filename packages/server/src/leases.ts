import type { Deadline, Deadlines } from '@tautline/core/wire'
import type { Broker, BrokerChannel } from './broker.ts'

/** A key that this process holds is gone so many ms after the process is. */
export const LEASE_MS = 30_000
/** It is renewed this often, in ms; when the broker does not answer, sooner. */
const RENEW_MS = 10_000
const RETRY_MS = 2_000

interface Held {
  readonly channel: BrokerChannel
  /** Offset of each key's newest message. */
  readonly keys: Map<string, number>
}

/** Keys of `latest` channels that live only as long as this process says so: on one timer, one question per channel. */
export class Leases {
  readonly #broker: Broker
  readonly #deadlines: Deadlines
  readonly #lost: (channel: BrokerChannel, key: string) => void
  readonly #held = new Map<string, Held>()
  #deadline: Deadline | undefined

  /** @param lost - told of a key whose message is no longer the one that was held, or no longer there. */
  constructor(broker: Broker, deadlines: Deadlines, lost: (channel: BrokerChannel, key: string) => void) {
    this.#broker = broker
    this.#deadlines = deadlines
    this.#lost = lost
  }

  /** Holds a key that was published with a lease. */
  hold(channel: BrokerChannel, key: string, offset: number): void {
    const held = this.#held.get(channel.name)
    if (held) held.keys.set(key, offset)
    else this.#held.set(channel.name, { channel, keys: new Map([[key, offset]]) })
    this.#deadline ??= this.#deadlines.add(RENEW_MS, () => void this.#renew())
  }

  /** Lets go of it; returns the offset of its message. */
  release({ name }: BrokerChannel, key: string): number | undefined {
    const held = this.#held.get(name)
    const offset = held?.keys.get(key)
    held?.keys.delete(key)
    if (held?.keys.size === 0) this.#held.delete(name)
    if (this.#held.size === 0) this.#rest()
    return offset
  }

  close(): void {
    this.#held.clear()
    this.#rest()
  }

  async #renew(): Promise<void> {
    const answered = await Promise.all([...this.#held.values()].map(held => this.#renewAll(held)))
    this.#rest()
    const ms = answered.includes(false) ? RETRY_MS : RENEW_MS
    if (this.#held.size > 0) this.#deadline = this.#deadlines.add(ms, () => void this.#renew())
  }

  /** Whether the broker answered. A lease that ran out while it did not shows when it does. */
  async #renewAll({ channel, keys }: Held): Promise<boolean> {
    const asked = new Map(keys)
    const lost = await this.#broker.renew(channel, asked, LEASE_MS).catch(() => undefined)
    for (const key of lost ?? []) {
      if (keys.get(key) !== asked.get(key)) continue
      this.release(channel, key)
      this.#lost(channel, key)
    }
    return lost !== undefined
  }

  #rest(): void {
    this.#deadlines.delete(this.#deadline)
    this.#deadline = undefined
  }
}
