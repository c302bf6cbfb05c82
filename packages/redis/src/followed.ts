import { type Clock, type Deadlines, Following } from '@tautline/core/wire'
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
  readonly #sweep: (channel: BrokerChannel) => void
  readonly #known = new Map<string, Known>()
  /**
   * What is due in an engine that acts only when it is asked. Every process that follows a channel asks, at the time it
   * was told; the first one finds something.
   */
  readonly #following: Following

  /** @param sweep - asks the engine for the head of a channel, of which something is due. */
  constructor(clock: Clock, deadlines: Deadlines, sweep: (channel: BrokerChannel) => void) {
    this.#sweep = sweep
    this.#following = new Following(clock, deadlines)
  }

  /** One more follower of a channel. */
  enter({ name }: BrokerChannel): void {
    this.#following.enter(name)
  }

  /** One less: with the last one all that is known of it is forgotten. */
  leave({ name }: BrokerChannel): void {
    if (this.#following.leave(name)) this.#known.delete(name)
  }

  knownOf(name: string): Readonly<Known> {
    return this.#known.get(name) ?? NOTHING
  }

  /** What the engine answered; it has something to do in `dueMs`, if ever. */
  learned(channel: BrokerChannel, known: Known, dueMs: number | undefined): void {
    if (!this.#following.has(channel.name)) return
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
    this.#following.clear()
  }

  #plan(channel: BrokerChannel, ms: number | undefined): void {
    if (ms !== undefined) this.#following.plan(channel.name, ms, () => this.#sweep(channel))
  }
}
