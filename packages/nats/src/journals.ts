import type { BrokerChannel } from '@tautline/server'
import type { ChannelLimits } from './channel-index.ts'
import { Journal } from './journal.ts'
import { subjectsOf } from './names.ts'
import { MOST_KEYS, REMEMBERED_MS } from './once-keys.ts'
import type { WriterParts } from './writer.ts'

/** What the journals of a process may know in all, in changes. */
const MOST_KNOWN = 1_000_000
/** What is kept of a channel without memory, where it is published with idempotency keys. */
const ONCE_LIMITS = { count: MOST_KEYS, ms: REMEMBERED_MS }

interface Held {
  readonly retain: BrokerChannel['retain']
  readonly journal: Journal
  /** As it was when it was asked for the last time. */
  weight: number
}

/** The journals of the channels that this process has to do with; those that it had to do with long ago are let go. */
export class Journals {
  readonly #prefix: string
  readonly #channelBytes: number
  readonly #parts: WriterParts
  readonly #most: number
  /** Those that were asked for last are last. */
  readonly #held = new Map<string, Held>()
  #weight = 0

  constructor(prefix: string, channelBytes: number, parts: WriterParts, most = MOST_KNOWN) {
    this.#prefix = prefix
    this.#channelBytes = channelBytes
    this.#parts = parts
    this.#most = most
  }

  get size(): number {
    return this.#held.size
  }

  /** The journal of a channel. */
  of({ name, retain }: BrokerChannel): Journal {
    const known = this.#held.get(name)
    const isSame = known && isDeepEqual(known.retain, retain)
    if (known) this.#forget(name, known)
    const held = isSame ? known : { retain, journal: this.#open(name, retain), weight: 0 }
    held.weight = held.journal.weight
    this.#weight += held.weight
    this.#held.set(name, held)
    if (this.#weight > this.#most) this.#shrink()
    return held.journal
  }

  /** The journal of a channel, where there is one. */
  find(name: string): Journal | undefined {
    return this.#held.get(name)?.journal
  }

  close(): void {
    for (const { journal } of this.#held.values()) journal.close()
    this.#held.clear()
    this.#weight = 0
  }

  #open(name: string, retain: BrokerChannel['retain']): Journal {
    return new Journal(subjectsOf(this.#prefix, name).memory, retain.kind, this.#limitsOf(retain), this.#parts)
  }

  #limitsOf(retain: BrokerChannel['retain']): ChannelLimits {
    const bytes = this.#channelBytes
    if (retain.kind === 'none') return { ...ONCE_LIMITS, bytes }
    return { count: retain.count, ms: Math.ceil(retain.seconds * 1_000), bytes }
  }

  #forget(name: string, held: Held): void {
    this.#held.delete(name)
    this.#weight -= held.weight
  }

  #shrink(): void {
    for (const [name, held] of this.#held) {
      if (this.#weight <= this.#most || this.#held.size === 1) return
      if (!held.journal.busy) this.#forget(name, held)
    }
  }
}

function isDeepEqual(a: BrokerChannel['retain'], b: BrokerChannel['retain']): boolean {
  if (a === b) return true
  if (a.kind === 'none' || b.kind === 'none') return a.kind === b.kind
  return a.kind === b.kind && a.count === b.count && a.seconds === b.seconds
}
