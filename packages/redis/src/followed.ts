import { type Clock, type Deadlines, Soonest } from '@tautline/core/wire'
import type { BrokerChannel } from '@tautline/server'
import type { Told } from './told.ts'

/** The newest that this process knows of a channel, and in which run of the engine it learned that. */
export interface Known {
  readonly epoch: string
  head: number
  readonly run: string
}

/** Of a channel that is not followed here. */
const NOTHING: Readonly<Known> = { epoch: '-', head: 0, run: '-' }

/** The channels that are followed here, by name: how far each has come, and when something of it is due. */
export class Followed {
  readonly #clock: Clock
  readonly #sweep: (channel: BrokerChannel) => void
  readonly #followers = new Map<string, number>()
  readonly #known = new Map<string, Known>()
  /**
   * What is due in an engine that acts only when it is asked. Every process that follows a channel asks, at the time it
   * was told; the first one finds something.
   */
  readonly #sweeps: Soonest

  /** @param sweep - asks the engine for the head of a channel, of which something is due. */
  constructor(clock: Clock, deadlines: Deadlines, sweep: (channel: BrokerChannel) => void) {
    this.#clock = clock
    this.#sweep = sweep
    this.#sweeps = new Soonest(deadlines)
  }

  /** One more follower of a channel. */
  enter({ name }: BrokerChannel): void {
    this.#followers.set(name, (this.#followers.get(name) ?? 0) + 1)
  }

  /** One less: with the last one all that is known of it is forgotten. */
  leave({ name }: BrokerChannel): void {
    const followers = (this.#followers.get(name) ?? 0) - 1
    if (followers > 0) return void this.#followers.set(name, followers)
    this.#followers.delete(name)
    this.#known.delete(name)
    this.#sweeps.forget(name)
  }

  knownOf(name: string): Readonly<Known> {
    return this.#known.get(name) ?? NOTHING
  }

  /** What the engine answered; it has something to do in `dueMs`, if ever. */
  learned(channel: BrokerChannel, known: Known, dueMs: number | undefined): void {
    if (!this.#followers.has(channel.name)) return
    this.#known.set(channel.name, known)
    this.#plan(channel, dueMs)
  }

  /** What the engine told by itself. */
  heard(channel: BrokerChannel, { epoch, change, run, dueMs }: Told): void {
    const known = this.#known.get(channel.name)
    // What another run tells says nothing of what this one had.
    if (known && epoch === known.epoch && run === known.run && change.offset > known.head) known.head = change.offset
    this.#plan(channel, dueMs)
  }

  clear(): void {
    this.#known.clear()
    this.#followers.clear()
  }

  #plan(channel: BrokerChannel, ms: number | undefined): void {
    if (ms === undefined) return
    this.#sweeps.plan(channel.name, this.#clock.now(), ms, () => {
      if (this.#followers.has(channel.name)) this.#sweep(channel)
    })
  }
}
