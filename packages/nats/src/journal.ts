import { TautlineError } from '@tautline/core'
import type { Clock, Position } from '@tautline/core/wire'
import type { BrokerChannel, From, Page, PageLimit, Publication } from '@tautline/server'
import { nanoid } from 'nanoid'
import { type ChannelIndex, type ChannelLimits, type Draft, headerBytesOf, MOST_ENTRIES } from './channel-index.ts'
import type { EngineClock } from './engine-clock.ts'
import { failed, ignore, isConflict, isRefusal, isStreamGone, notSent } from './failures.ts'
import { onceOf } from './names.ts'
import { readPage } from './read-page.ts'
import type { ChannelRecord, Stored } from './record.ts'
import { Replica } from './replica.ts'
import type { Store } from './store.ts'

/** Stored by one record. */
const MOST_BYTES = 256 * 1_024
/** So often others may be faster. */
const MOST_TRIES = 100
/** So often what is read may be dropped while it is. */
const MOST_READS = 10
/** So often the stream may be gone; each time it is waited for. */
const MOST_LOSSES = 3
/** Who loses against another waits for up to so many ms, times the number of losses. */
const PAUSE_MS = 2
const LONGEST_PAUSE_MS = 30
/** A channel that is looked at is marked as alive when nothing has been stored for so many ms: see docs/brokers.md. */
const ALIVE_MS = 12 * 3_600_000
/** Renewed by one record. */
const RENEWED_AT_ONCE = 100

/** What a journal is made of. */
export interface JournalParts {
  readonly store: Pick<Store, keyof Store>
  readonly engineClock: EngineClock
  readonly clock: Clock
}

interface Job {
  /** Whether it has an idempotency key. */
  readonly once: boolean
  readonly bytes: number
  /** Takes it into a draft; returns what to do when that is stored. */
  readonly draft: (draft: Draft) => (epoch: string) => void
  readonly reject: (error: unknown) => void
}

/** The memory of one channel: its records in the stream, and the index of them that this process holds. */
export class Journal {
  readonly #subject: string
  readonly #limits: ChannelLimits
  readonly #parts: JournalParts
  readonly #replica: Replica
  #jobs: Job[] = []
  #flushing = false
  /** Whether others publish on the channel, too. */
  #isShared = false

  constructor(subject: string, kind: BrokerChannel['retain']['kind'], limits: ChannelLimits, parts: JournalParts) {
    this.#subject = subject
    this.#limits = limits
    this.#parts = parts
    this.#replica = new Replica({ store: parts.store, subject, kind, limits })
  }

  get weight(): number {
    return this.#replica.index.weight
  }

  /** Whether something is under way. */
  get busy(): boolean {
    return this.#flushing || this.#replica.busy
  }

  /** In how many ms something is due that has to be stored; `Infinity` for never. */
  get dueIn(): number {
    return this.#replica.index.dueIn(this.#parts.engineClock.now())
  }

  publish(publication: Publication): Promise<Position> {
    const { body, key, idempotencyKey } = publication
    const once = idempotencyKey === undefined ? undefined : onceOf(idempotencyKey)
    const bytes = (body?.length ?? 0) + headerBytesOf(key)
    return this.#enqueue({ bytes, once: once !== undefined }, draft => {
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
      lost.push(...(await this.#enqueue({ bytes }, lostOf)))
    }
    return lost
  }

  /** The newest position; what is due by then is done. */
  async position(): Promise<Position> {
    await this.#withStream(() => this.#replica.sync())
    await this.#tend()
    return [this.#replica.index.epoch, this.#replica.index.head]
  }

  async read(from: From, limit: PageLimit): Promise<Page> {
    for (let tries = 0; tries < MOST_READS; tries++) {
      await this.position()
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
    this.#rejectAll(notSent('the broker is closed'))
  }

  /** A channel that nobody has published on has an epoch, too; what is due is done. */
  async #tend(): Promise<void> {
    const now = this.#parts.engineClock.now()
    this.#replica.index.settle(now)
    if (this.#replica.unborn || this.#replica.index.dueIn(now) === 0 || this.#isOld(now))
      await this.#enqueue({}, () => () => undefined)
  }

  #isOld(now: number): boolean {
    return this.#replica.index.at + ALIVE_MS < now
  }

  #enqueue<T>(
    { bytes = 0, once = false }: Partial<Pick<Job, 'bytes' | 'once'>>,
    draftOf: (draft: Draft) => (epoch: string) => T,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const draft: Job['draft'] = draft => {
        const outcomeOf = draftOf(draft)
        return epoch => resolve(outcomeOf(epoch))
      }
      this.#jobs.push({ bytes, once, draft, reject })
      if (!this.#flushing) void this.#flush()
    })
  }

  /** One record at a time; whatever comes meanwhile goes with the next. */
  async #flush(): Promise<void> {
    this.#flushing = true
    let [tries, losses] = [0, 0]
    // What comes in the same turn goes together.
    await Promise.resolve()
    while (this.#jobs.length > 0) {
      try {
        if (!this.#replica.isCurrent) await this.#replica.sync()
        if (await this.#storeSome()) tries = 0
        else tries += 1
        if (tries > MOST_TRIES) throw notSent('too many others publish on the channel')
        if (this.#jobs.length > 0) await this.#giveWay(tries)
      } catch (error) {
        if (isStreamGone(error) && losses < MOST_LOSSES) losses += 1
        else this.#rejectAll(unanswered(error))
      }
    }
    this.#flushing = false
  }

  /** Stores what fits into a record, and settles it. Returns `false` when somebody else was faster. */
  async #storeSome(): Promise<boolean> {
    const now = this.#parts.engineClock.now()
    if (!this.#replica.index.hasKeys(now) && this.#jobs.some(job => job.once)) {
      await this.#replica.loadAll()
      if (!this.#replica.index.hasKeys(now)) return false
    }
    const index = this.#replica.index
    index.settle(now)
    const draft = index.draft(now)
    const taken: Job[] = []
    const settled: ((epoch: string) => void)[] = []
    for (const job of this.#jobs) {
      const isFull = draft.entries.length >= MOST_ENTRIES || draft.bytes + job.bytes > MOST_BYTES
      if (draft.entries.length > 0 && isFull) break
      taken.push(job)
      settled.push(job.draft(draft))
    }
    const isWorth = draft.entries.length > 0 || this.#replica.unborn || this.#isOld(now)
    const { seq } = index
    if (isWorth) {
      if (!(await this.#append(index, draft, now, taken))) return false
    } else {
      // Nothing is to be done, if what is known is true.
      await this.#replica.syncAnew()
      if (this.#replica.index !== index || index.seq !== seq) return true
      this.#jobs.splice(0, taken.length)
    }
    for (const settle of settled) settle(index.epoch)
    return true
  }

  /** Stores a record and takes its jobs out of the queue. Returns `false` when somebody else was faster. */
  async #append(index: ChannelIndex, draft: Draft, now: number, jobs: readonly Job[]): Promise<boolean> {
    const { ms } = this.#limits
    const { entries, bodies, head, kept } = draft
    const lastsMs = Number.isFinite(ms) ? ms : 0
    const until = Number.isFinite(draft.until) ? draft.until : 0
    const { epoch, floor, seq: previous } = index
    const about = { epoch, id: nanoid(8), after: index.id, head, at: now, until, lastsMs, kept, floor }
    const record: ChannelRecord = { ...about, entries }
    try {
      const bytes = bodies.length === 1 && bodies[0] ? bodies[0] : Buffer.concat(bodies)
      const isInstead = this.#replica.unborn && previous > 0
      const seq = await this.#parts.store.append(this.#subject, record, bytes, previous, isInstead)
      this.#jobs.splice(0, jobs.length)
      this.#replica.stored(index, { seq, previous, record })
      this.#clean(index, now)
      return true
    } catch (error) {
      this.#replica.doubt()
      if (isStreamGone(error)) throw error
      this.#isShared = isConflict(error)
      if (this.#isShared) return false
      this.#jobs.splice(0, jobs.length)
      for (const job of jobs) job.reject(failed(error))
      if (isRefusal(error)) return true
      throw error
    }
  }

  /** Others publish, too: whoever has just lost goes first. */
  async #giveWay(tries: number): Promise<void> {
    if (!this.#isShared) return
    if (tries === 0) this.#isShared = false
    const most = Math.min(PAUSE_MS * (tries + 1), LONGEST_PAUSE_MS)
    await new Promise<void>(resolve => this.#parts.clock.setTimeout(resolve, Math.random() * most))
  }

  #rejectAll(error: unknown): void {
    for (const job of this.#jobs.splice(0)) job.reject(error)
  }

  /** Drops from the stream what nobody can read any more; what fails is found again by whoever loads it. */
  #clean(index: ChannelIndex, now: number): void {
    const garbage = index.garbage(now)
    if (!garbage) return
    const { store } = this.#parts
    store.dropBefore(this.#subject, garbage.before).catch(ignore)
    for (const seq of garbage.single) store.drop(seq).catch(ignore)
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

/** Nothing was stored. */
function unanswered(error: unknown): unknown {
  return error instanceof TautlineError ? error : notSent('NATS does not answer', error)
}
