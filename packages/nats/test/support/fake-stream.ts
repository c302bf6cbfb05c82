import { JetStreamApiError } from '@nats-io/jetstream'
import type { ChannelRecord, Stored } from '../../src/record.ts'
import type { Newest, Store } from '../../src/store.ts'

type Kept = Stored & { readonly bodies: Uint8Array }

/** How often something goes wrong. */
export interface Faults {
  /** It was stored, and nobody is told. */
  readonly lostAcks: number
  /** A record is told late, or not at all. */
  readonly lostNews: number
  /**
   * It was stored, and a server that no longer decides says that it was not. Nothing is dropped then: whoever was refused
   * finds what is still there.
   */
  readonly refusals?: number
}

/** A stream of one subject in this process, on which everything takes a while, and not always the same. */
export class FakeStream implements Pick<Store, keyof Store> {
  /** All that was ever stored, in order. */
  readonly history: Kept[] = []
  readonly #random: () => number
  readonly #faults: Faults
  readonly #listeners: ((stored: Stored) => void)[] = []
  /** How many of the newest records the server does not have yet that is asked, unless it is the one that decides. */
  lag = 0
  /** So many more times a server answers in the place of the one that decides, which no longer does. */
  stale = 0
  /** Whether a record is let through that is not the next one. */
  isLax = false
  #kept: Kept[] = []
  #last = 0

  constructor(random: () => number, faults: Faults) {
    this.#random = random
    this.#faults = faults
  }

  /** Records that are still there. */
  get size(): number {
    return this.#kept.length
  }

  /** Tells what is stored, mostly. */
  listen(listener: (stored: Stored) => void): void {
    this.#listeners.push(listener)
  }

  async append(_: string, record: ChannelRecord, bodies: Uint8Array, expected: number, instead: boolean) {
    await this.#while()
    if ((this.#kept.at(-1)?.seq ?? 0) !== expected && !this.isLax) throw wrongLastSequence()
    // Others use the stream, too.
    this.#last += 1 + Math.floor(3 * this.#random())
    const stored = { seq: this.#last, previous: expected, record, bodies }
    this.#kept = instead ? [stored] : [...this.#kept, stored]
    this.history.push(stored)
    for (const listener of this.#listeners) void this.#tell(listener, stored)
    await this.#while()
    if (this.#random() < this.#faults.lostAcks) throw new Error('the answer was lost')
    if (this.#random() < (this.#faults.refusals ?? 0)) throw wrongLastSequence()
    return stored.seq
  }

  async newest(): Promise<Newest | undefined> {
    await this.#while()
    return this.#nthNewest(this.lag)
  }

  async decided(): Promise<Newest | undefined> {
    await this.#while()
    if (this.stale === 0) return this.#nthNewest(0)
    this.stale -= 1
    return this.#nthNewest(this.lag)
  }

  async records(_: string, from: number, to: number): Promise<Stored[]> {
    await this.#while()
    return this.#kept.filter(({ seq }) => seq >= from && seq <= to)
  }

  async newestOfAll(): Promise<ReadonlyMap<string, Stored>> {
    const stored = this.#kept.at(-1)
    return new Map(stored ? [['subject', stored]] : [])
  }

  async bodies(_: string, numbers: readonly number[]): Promise<ReadonlyMap<number, Uint8Array>> {
    await this.#while()
    return new Map(this.#kept.filter(({ seq }) => numbers.includes(seq)).map(({ seq, bodies }) => [seq, bodies]))
  }

  async dropBefore(_: string, before: number): Promise<void> {
    await this.#while()
    if (!this.#faults.refusals) this.#kept = this.#kept.filter(({ seq }) => seq >= before)
  }

  async drop(gone: number): Promise<void> {
    await this.#while()
    if (!this.#faults.refusals) this.#kept = this.#kept.filter(({ seq }) => seq !== gone)
  }

  async #nthNewest(n: number): Promise<Newest | undefined> {
    const stored = this.#kept.at(-1 - n)
    await this.#while()
    return stored && { seq: stored.seq, stored }
  }

  async #tell(listener: (stored: Stored) => void, stored: Stored): Promise<void> {
    if (this.#random() < this.#faults.lostNews) return
    await this.#while()
    listener(stored)
  }

  async #while(): Promise<void> {
    for (let turns = Math.floor(6 * this.#random()); turns > 0; turns--) await Promise.resolve()
  }
}

/** What NATS says to whoever was not the first. */
function wrongLastSequence(): Error {
  return new JetStreamApiError({ code: 400, err_code: 10_071, description: 'wrong last sequence' })
}
