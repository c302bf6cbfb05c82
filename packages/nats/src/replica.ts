import type { BrokerChannel } from '@tautline/server'
import { nanoid } from 'nanoid'
import { type ChannelIndex, type ChannelLimits, NO_RECORD } from './channel-index.ts'
import { LatestIndex } from './latest-index.ts'
import { LogIndex } from './log-index.ts'
import { beforeOf, type Stored } from './record.ts'
import type { Newest, Store } from './store.ts'

/** The epochs of a channel that are known again. */
const KNOWN_EPOCHS = 16

/** What a replica is made of. */
export interface ReplicaParts {
  readonly store: Pick<Store, 'newest' | 'decided' | 'records'>
  readonly subject: string
  readonly kind: BrokerChannel['retain']['kind']
  readonly limits: ChannelLimits
}

/** The index of a channel that this process holds, kept up with the stream. */
export class Replica {
  readonly #parts: ReplicaParts
  #index: ChannelIndex
  #unborn = true
  #isCurrent = false
  /** Those that it has had, the newest last. */
  readonly #epochs: string[] = []
  #syncing: Promise<void> | undefined
  #loading: Promise<void> | undefined
  /** The index that was given up for an epoch that is not stored yet. */
  #former: ChannelIndex | undefined
  /** Ids of records that may be stored although the engine has refused them, and whether they have been met. */
  readonly #contested = new Map<string, boolean>()
  /** What was taken in while all is loaded. */
  #meanwhile: Stored[] = []

  constructor(parts: ReplicaParts) {
    this.#parts = parts
    this.#index = this.#empty(nanoid(16), 0, false)
  }

  get index(): ChannelIndex {
    return this.#index
  }

  /** Whether the index has an epoch that no record has yet. */
  get unborn(): boolean {
    return this.#unborn
  }

  /** Whether the index has everything, as far as is known. */
  get isCurrent(): boolean {
    return this.#isCurrent
  }

  get busy(): boolean {
    return this.#syncing !== undefined || this.#loading !== undefined
  }

  /** What is known may be old; so may have been what a new epoch was begun for, which nobody has stored. */
  doubt(): void {
    this.#isCurrent = false
    if (!this.#former) return
    this.#index = this.#former
    this.#former = undefined
    this.#unborn = false
  }

  /** Looks out for a record that may be stored although the engine has refused it. */
  contest(id: string): void {
    this.#contested.set(id, false)
  }

  /** Whether a record that was looked out for is stored. */
  met(id: string): boolean {
    return this.#contested.get(id) ?? false
  }

  /** Looks out for nothing any more. */
  settle(): void {
    this.#contested.clear()
  }

  /** A record was stored, by whomever. */
  heard(stored: Stored): void {
    if (stored.seq <= this.#index.seq) return
    if (!isNext(stored, this.#index)) return this.doubt()
    this.#apply(this.#index, stored)
    this.#born(stored.record.epoch)
  }

  /** A record was stored behind what that index had. */
  stored(index: ChannelIndex, stored: Stored): void {
    // The feed may have been faster.
    if (index.seq === stored.previous) this.#apply(index, stored)
    if (this.#index === index) this.#born(index.epoch)
  }

  /** Takes in what others have stored before this was asked, and not only before somebody else asked. */
  async syncAnew(): Promise<void> {
    // Whoever asked hears of its failure; here it is asked again.
    await this.#syncing?.catch(() => undefined)
    await this.sync()
  }

  /** The same, as the server has it that decides: others of a stream that is kept on several may lag. */
  async syncDecided(): Promise<void> {
    while (this.#syncing !== undefined) await this.#syncing.catch(() => undefined)
    await this.#sync('decided')
  }

  /** Takes in what others have stored. */
  sync(): Promise<void> {
    return this.#syncing ?? this.#sync('newest')
  }

  /** Takes in all of a log that is still there, and not only what came since it was looked at. */
  loadAll(): Promise<void> {
    this.#loading ??= this.#loadAll().finally(() => {
      this.#loading = undefined
      this.#meanwhile = []
    })
    return this.#loading
  }

  /** A message is gone that the index has: somebody has trimmed the stream, or the index is old. */
  async lose(index: ChannelIndex, lost: number): Promise<void> {
    const { seq } = index
    if (index.lose(lost)) return
    await this.sync()
    if (this.#index === index && index.seq === seq) this.#begin(seq)
  }

  async #loadAll(): Promise<void> {
    const { epoch, seq } = this.#index
    const index = this.#empty(epoch, 0, false)
    for (const each of await this.#records(1, seq)) if (each.record.epoch === epoch) index.apply(each)
    for (const each of this.#meanwhile) if (each.record.epoch === epoch) index.apply(each)
    if (this.#index.epoch === epoch && this.#index.seq === index.seq) this.#index = index
  }

  #apply(index: ChannelIndex, stored: Stored): void {
    index.apply(stored)
    this.#meet(stored)
    if (this.#loading !== undefined) this.#meanwhile.push(stored)
  }

  #sync(asked: 'newest' | 'decided'): Promise<void> {
    this.#syncing = this.#catchUp(asked).finally(() => {
      this.#syncing = undefined
    })
    return this.#syncing
  }

  #meet({ record: { id } }: Stored): void {
    if (this.#contested.has(id)) this.#contested.set(id, true)
  }

  async #catchUp(asked: 'newest' | 'decided'): Promise<void> {
    const index = this.#index
    const had = index.seq
    const { store, subject } = this.#parts
    const isBehind = (newest: Newest | undefined) => (newest?.seq ?? 0) < had
    let newest = await store[asked](subject)
    if (isBehind(newest) && asked === 'newest') newest = await store.decided(subject)
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
    if (isNext(stored, index)) return this.#apply(index, stored)
    const had = index.seq
    const records = record.head < index.head ? [] : await this.#records(had, seq)
    // The feed may have been faster.
    if (index.seq !== had) return
    if (!this.#follow(records, index) || isForked(records)) return this.#begin(seq)
    for (const each of records) if (each.seq > index.seq) this.#apply(index, each)
  }

  /** Whether records go on where the index ends: an older state of the stream that was restored does not. */
  #follow([first]: readonly Stored[], index: ChannelIndex): boolean {
    if (!first || first.record.epoch !== index.epoch) return false
    if (first.seq === index.seq) return first.record.id === index.id
    const before = beforeOf(first.record)
    if (before > index.head) return true
    return before === index.head && (this.#parts.kind === 'latest' || isNext(first, index))
  }

  /** Of a log, the newest is enough until somebody asks for more, or looks out for a record. */
  async #load(newest: Stored): Promise<void> {
    const { epoch } = newest.record
    const isLog = this.#parts.kind !== 'latest' && this.#contested.size === 0
    const index = this.#empty(epoch, 0, isLog)
    const records = isLog ? [newest] : await this.#records(1, newest.seq)
    for (const each of records) if (each.record.epoch === epoch) index.apply(each)
    for (const each of records) this.#meet(each)
    const isWhole = index.seq === newest.seq && index.isWhole(newest.record)
    if (!isWhole || isForked(records)) return this.#begin(newest.seq)
    this.#index = index
    this.#born(epoch)
  }

  /** The memory is not what somebody was told of: a new epoch, instead of what is there. */
  #begin(seq: number): void {
    if (!this.#unborn) this.#former = this.#index
    this.#index = this.#empty(nanoid(16), seq, false)
    this.#unborn = true
  }

  /** The epoch is in the stream; where it is met again after another one, somebody has restored an older state. */
  #born(epoch: string): void {
    this.#unborn = false
    this.#former = undefined
    if (this.#epochs.at(-1) === epoch) return
    this.#epochs.push(epoch)
    if (this.#epochs.length > KNOWN_EPOCHS) this.#epochs.shift()
  }

  #records(from: number, to: number): Promise<Stored[]> {
    return this.#parts.store.records(this.#parts.subject, from, to)
  }

  #empty(epoch: string, seq: number, partial: boolean): ChannelIndex {
    const { kind, limits } = this.#parts
    return kind === 'latest' ? new LatestIndex(epoch, limits, seq) : new LogIndex(epoch, limits, seq, partial)
  }
}

/** Whether a record follows what the index has. */
function isNext({ previous, record }: Stored, index: ChannelIndex): boolean {
  return previous === index.seq && record.after === index.id && record.epoch === index.epoch
}

/** Whether what stands in the place of the newest is not what was there. */
function isAnother({ seq, stored }: Newest, index: ChannelIndex): boolean {
  return seq === index.seq && index.id !== NO_RECORD && stored?.record.id !== index.id
}

/** Whether two records took themselves for the next one, which servers that elect a leader may have let through. */
function isForked(records: readonly Stored[]): boolean {
  return records.some(({ previous }, i) => previous < (records[i - 1]?.seq ?? 0))
}
