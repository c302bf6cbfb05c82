import type { Position } from '@tautline/core/wire'
import type { BrokerChannel, From, Page, PageLimit, Publication } from '@tautline/server'
import { type ChannelLimits, type Draft, headerBytesOf } from './channel-index.ts'
import { isStreamGone, notSent, unanswered } from './failures.ts'
import { onceOf } from './names.ts'
import { readPage } from './read-page.ts'
import type { Stored } from './record.ts'
import { Replica } from './replica.ts'
import { Writer, type WriterParts } from './writer.ts'

/** So often what is read may be dropped while it is. */
const MOST_READS = 10
/** Renewed by one record. */
const RENEWED_AT_ONCE = 100

/** The memory of one channel: its records in the stream, and the index of them that this process holds. */
export class Journal {
  readonly #subject: string
  readonly #parts: WriterParts
  readonly #replica: Replica
  readonly #writer: Writer

  constructor(subject: string, kind: BrokerChannel['retain']['kind'], limits: ChannelLimits, parts: WriterParts) {
    this.#subject = subject
    this.#parts = parts
    this.#replica = new Replica({ store: parts.store, subject, kind, limits })
    this.#writer = new Writer(subject, limits, parts, this.#replica)
  }

  get weight(): number {
    return this.#replica.index.weight
  }

  /** Whether something is under way. */
  get busy(): boolean {
    return this.#writer.busy || this.#replica.busy
  }

  /** In how many ms something is due that has to be stored; `Infinity` for never. */
  get dueIn(): number {
    return this.#replica.index.dueIn(this.#parts.engineClock.now())
  }

  publish(publication: Publication): Promise<Position> {
    const { body, key, idempotencyKey } = publication
    const once = idempotencyKey === undefined ? undefined : onceOf(idempotencyKey)
    const bytes = (body?.length ?? 0) + headerBytesOf(key)
    return this.#writer.write({ bytes, once: once !== undefined }, draft => {
      const offset = draft.publish(publication, once)
      return epoch => [epoch, offset]
    })
  }

  /** Renews leases; returns the keys whose newest message is another one. */
  async renew(held: ReadonlyMap<string, number>, leaseMs: number): Promise<readonly string[]> {
    const keys = [...held]
    const lost: string[] = []
    for (let i = 0; i < keys.length; i += RENEWED_AT_ONCE) {
      const some = keys.slice(i, i + RENEWED_AT_ONCE)
      const bytes = some.reduce((sum, [key]) => sum + headerBytesOf(key), 0)
      const lostOf = (draft: Draft) => {
        const not = draft.renew(new Map(some), leaseMs)
        return () => not
      }
      lost.push(...(await this.#writer.write({ bytes }, lostOf)))
    }
    return lost
  }

  /** The newest position; what is due by then is done. */
  async position(): Promise<Position> {
    await this.#withStream(() => this.#replica.sync())
    await this.#writer.tend()
    return [this.#replica.index.epoch, this.#replica.index.head]
  }

  async read(from: From, limit: PageLimit): Promise<Page> {
    for (let tries = 0; tries < MOST_READS; tries++) {
      await this.position()
      // Somebody knows more.
      if ('after' in from && from.after > this.#replica.index.head) {
        await this.#withStream(() => this.#replica.syncDecided())
      }
      const page = await this.#withStream(() => readPage(this.#replica, this.#parts.store, this.#subject, from, limit))
      if (page) return page
    }
    throw notSent('the channel changes faster than it can be read')
  }

  /** A record was stored, by whomever. */
  heard(stored: Stored): void {
    this.#replica.heard(stored)
  }

  /** The broker is closed. */
  close(): void {
    this.#writer.close()
  }

  /** Where the stream was lost it is made again meanwhile. */
  async #withStream<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work().catch(error => {
        if (isStreamGone(error)) return work()
        throw error
      })
    } catch (error) {
      throw unanswered(error)
    }
  }
}
