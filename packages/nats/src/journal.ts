import { TautlineError } from '@tautline/core'
import type { Clock, Position } from '@tautline/core/wire'
import type { BrokerChannel, From, Page, PageLimit, Publication } from '@tautline/server'
import { nanoid } from 'nanoid'
import {
  type ChannelIndex,
  type ChannelLimits,
  type Draft,
  headerBytesOf,
  MOST_ENTRIES,
  NO_RECORD,
} from './channel-index.ts'
import type { EngineClock } from './engine-clock.ts'
import { failed, isConflict, isRefusal, isStreamGone, notSent } from './failures.ts'
import { LatestIndex } from './latest-index.ts'
import { LogIndex } from './log-index.ts'
import { onceOf } from './names.ts'
import { beforeOf, type ChannelRecord, type Stored } from './record.ts'
import type { Newest, Store } from './store.ts'

/** Stored by one record. */
const MOST_BYTES = 256 * 1_024
/** So often others may be faster. */
const MOST_TRIES = 100
/** So often what is read may be dropped while it is. */
const MOST_READS = 10
/** The epochs of a channel that are known again. */
const KNOWN_EPOCHS = 16
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
  readonly store: Store
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
  readonly #kind: BrokerChannel['retain']['kind']
  readonly #limits: ChannelLimits
  readonly #parts: JournalParts
  #index: ChannelIndex
  /** Whether the index has an epoch that no record has yet. */
  #unborn = true
  /** Those that it has had, the newest last. */
  readonly #epochs: string[] = []
  /** Whether the index has everything, as far as is known. */
  #isCurrent = false
  #syncing: Promise<void> | undefined
  #jobs: Job[] = []
  #flushing = false
  /** Whether others publish on the channel, too. */
  #isShared = false

  constructor(subject: string, kind: BrokerChannel['retain']['kind'], limits: ChannelLimits, parts: JournalParts) {
    this.#subject = subject
    this.#kind = kind
    this.#limits = limits
    this.#parts = parts
    this.#index = this.#empty(nanoid(16), 0, false)
  }

  get weight(): number {
    return this.#index.weight
  }

  /** Whether something is under way. */
  get busy(): boolean {
    return this.#flushing || this.#syncing !== undefined
  }

  /** In how many ms something is due that has to be stored; `Infinity` for never. */
  get dueIn(): number {
    return this.#index.dueIn(this.#parts.engineClock.now())
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
    await this.#withStream(() => this.#sync())
    await this.#tend()
    return [this.#index.epoch, this.#index.head]
  }

  async read(from: From, limit: PageLimit): Promise<Page> {
    for (let tries = 0; tries < MOST_READS; tries++) {
      await this.position()
      const page = await this.#withStream(() => this.#readOnce(from, limit))
      if (page) return page
    }
    throw notSent('the channel changes faster than it can be read')
  }

  /** A record was stored, by whomever. */
  heard(stored: Stored): void {
    if (stored.seq <= this.#index.seq) return
    if (!isNext(stored, this.#index)) {
      this.#isCurrent = false
      return
    }
    this.#index.apply(stored)
    this.#born(stored.record.epoch)
  }

  /** The broker is closed. */
  close(): void {
    this.#rejectAll(notSent('the broker is closed'))
  }

  /** A channel that nobody has published on has an epoch, too; what is due is done. */
  async #tend(): Promise<void> {
    const now = this.#parts.engineClock.now()
    this.#index.settle(now)
    if (this.#unborn || this.#index.dueIn(now) === 0 || this.#isOld(now)) await this.#enqueue({}, () => () => undefined)
  }

  #isOld(now: number): boolean {
    return this.#index.at + ALIVE_MS < now
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
        if (!this.#isCurrent) await this.#sync()
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
    if (!this.#index.hasKeys(now) && this.#jobs.some(job => job.once)) await this.#loadAll()
    const index = this.#index
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
    const isWorth = draft.entries.length > 0 || this.#unborn || this.#isOld(now)
    const { seq } = index
    if (isWorth) {
      if (!(await this.#append(index, draft, now, taken))) return false
    } else {
      // Nothing is to be done, if what is known is true.
      await this.#sync()
      if (this.#index !== index || index.seq !== seq) return true
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
    const { epoch, floor, seq: previous } = index
    const about = { epoch, id: nanoid(8), after: index.id, head, at: now, lastsMs, kept, floor }
    const record: ChannelRecord = { ...about, entries }
    try {
      const bytes = bodies.length === 1 && bodies[0] ? bodies[0] : Buffer.concat(bodies)
      const isInstead = this.#unborn && previous > 0
      const seq = await this.#parts.store.append(this.#subject, record, bytes, previous, isInstead)
      this.#jobs.splice(0, jobs.length)
      // The feed may have been faster.
      if (index.seq === previous) index.apply({ seq, previous, record })
      if (this.#index === index) this.#born(index.epoch)
      this.#clean(index, now)
      return true
    } catch (error) {
      this.#isCurrent = false
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

  /** Takes in what others have stored. */
  #sync(): Promise<void> {
    this.#syncing ??= this.#catchUp().finally(() => {
      this.#syncing = undefined
    })
    return this.#syncing
  }

  async #catchUp(): Promise<void> {
    const index = this.#index
    const had = index.seq
    const { store } = this.#parts
    const isBehind = (newest: Newest | undefined) => (newest?.seq ?? 0) < had
    let newest = await store.newest(this.#subject)
    if (isBehind(newest)) newest = await store.decided(this.#subject)
    if (newest && isBehind(newest) && this.#isNew(newest.stored)) await this.#load(newest.stored)
    else if (isBehind(newest)) this.#begin(newest?.seq ?? 0)
    else if (newest && (newest.seq > index.seq || isAnother(newest, index))) await this.#takeIn(newest)
    this.#isCurrent = true
  }

  /** Whether somebody else has found out first, and begun a new epoch. */
  #isNew(stored: Stored | undefined): stored is Stored {
    return stored !== undefined && !this.#epochs.includes(stored.record.epoch)
  }

  async #takeIn({ seq, stored }: Newest): Promise<void> {
    const index = this.#index
    if (!stored) return this.#begin(seq)
    const { record } = stored
    if (this.#unborn || record.epoch !== index.epoch) return this.#isNew(stored) ? this.#load(stored) : this.#begin(seq)
    if (isNext(stored, index)) return index.apply(stored)
    const had = index.seq
    const records = record.head < index.head ? [] : await this.#parts.store.records(this.#subject, had, seq)
    // The feed may have been faster.
    if (index.seq !== had) return
    if (!this.#follow(records, index)) return this.#begin(seq)
    for (const each of records) if (each.seq > index.seq) index.apply(each)
  }

  /** Whether records go on where the index ends: an older state of the stream that was restored does not. */
  #follow([first]: readonly Stored[], index: ChannelIndex): boolean {
    if (!first || first.record.epoch !== index.epoch) return false
    if (first.seq === index.seq) return first.record.id === index.id
    const before = beforeOf(first.record)
    if (before > index.head) return true
    return before === index.head && (this.#kind === 'latest' || isNext(first, index))
  }

  /** Of a log, the newest is enough until somebody asks for more. */
  async #load(newest: Stored): Promise<void> {
    const { epoch } = newest.record
    const isLog = this.#kind !== 'latest'
    const index = this.#empty(epoch, 0, isLog)
    const records = isLog ? [newest] : await this.#parts.store.records(this.#subject, 1, newest.seq)
    for (const each of records) if (each.record.epoch === epoch) index.apply(each)
    if (index.seq !== newest.seq || !index.isWhole(newest.record)) return this.#begin(newest.seq)
    this.#index = index
    this.#born(epoch)
  }

  /** All of a log that is still there. */
  async #loadAll(): Promise<void> {
    const { epoch, seq } = this.#index
    const records = await this.#parts.store.records(this.#subject, 1, seq)
    const index = this.#empty(epoch, 0, false)
    for (const each of records) if (each.record.epoch === epoch) index.apply(each)
    if (this.#index.epoch === epoch && this.#index.seq === index.seq) this.#index = index
  }

  /** The memory is not what somebody was told of: a new epoch, instead of what is there. */
  #begin(seq: number): void {
    this.#index = this.#empty(nanoid(16), seq, false)
    this.#unborn = true
  }

  /** The epoch is in the stream; where it is met again after another one, somebody has restored an older state. */
  #born(epoch: string): void {
    this.#unborn = false
    if (this.#epochs.at(-1) === epoch) return
    this.#epochs.push(epoch)
    if (this.#epochs.length > KNOWN_EPOCHS) this.#epochs.shift()
  }

  async #readOnce(from: From, limit: PageLimit): Promise<Page | undefined> {
    const lowest = 'after' in from ? from.after : Math.max(0, this.#index.head - from.newest)
    if (lowest < this.#index.from) await this.#loadAll()
    const index = this.#index
    if (lowest < index.from) return undefined
    const { epoch, head, floor } = index
    const { refs, after, through } = index.read(from, limit)
    const numbers = [...new Set(refs.filter(({ size }) => size !== undefined).map(({ seq }) => seq))]
    numbers.sort((a, b) => a - b)
    const bodies = await this.#parts.store.bodies(this.#subject, numbers)
    const lost = numbers.find(seq => !bodies.has(seq))
    if (lost !== undefined) return void (await this.#lose(index, lost))
    const changes = refs.map(({ offset, key, size, seq, start }) => ({
      offset,
      key,
      body: size === undefined ? undefined : bodies.get(seq)?.subarray(start, start + size),
    }))
    return { epoch, head, floor, after, through, changes }
  }

  /** A message is gone that the index has: somebody has trimmed the stream, or the index is old. */
  async #lose(index: ChannelIndex, lost: number): Promise<void> {
    const { seq } = index
    if (index.lose(lost)) return
    await this.#sync()
    if (this.#index === index && index.seq === seq) this.#begin(seq)
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

  #empty(epoch: string, seq: number, partial: boolean): ChannelIndex {
    if (this.#kind === 'latest') return new LatestIndex(epoch, this.#limits, seq)
    return new LogIndex(epoch, this.#limits, seq, partial)
  }
}

function ignore(): void {}

/** Whether a record follows what the index has. */
function isNext({ previous, record }: Stored, index: ChannelIndex): boolean {
  return previous === index.seq && record.after === index.id && record.epoch === index.epoch
}

/** Whether what stands in the place of the newest is not what was there. */
function isAnother({ seq, stored }: Newest, index: ChannelIndex): boolean {
  return seq === index.seq && index.id !== NO_RECORD && stored?.record.id !== index.id
}

/** Nothing was stored. */
function unanswered(error: unknown): unknown {
  return error instanceof TautlineError ? error : notSent('NATS does not answer', error)
}
