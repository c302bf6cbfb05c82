import type { Clock } from '@tautline/core/wire'
import { nanoid } from 'nanoid'
import { type ChannelIndex, type ChannelLimits, type Draft, MOST_ENTRIES } from './channel-index.ts'
import type { EngineClock } from './engine-clock.ts'
import { failed, ignore, isConflict, isRefusal, isStreamGone, notSent, unanswered } from './failures.ts'
import type { ChannelRecord } from './record.ts'
import type { Replica } from './replica.ts'
import type { Store } from './store.ts'

/** Stored by one record. */
const MOST_BYTES = 256 * 1_024
/** So often others may be faster. */
const MOST_TRIES = 100
/** So often the stream may be gone; each time it is waited for. */
const MOST_LOSSES = 3
/** Who loses against another waits for up to so many ms, times the number of losses. */
const PAUSE_MS = 2
const LONGEST_PAUSE_MS = 30
/** A channel that is looked at is marked as alive when nothing has been stored for so many ms: see docs/brokers.md. */
const ALIVE_MS = 12 * 3_600_000

/** What a writer works with. */
export interface WriterParts {
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

/** What was sent in one record that the engine has refused. */
interface Contested {
  readonly id: string
  /** How many of the first jobs. */
  readonly jobs: number
  readonly settle: () => void
}

/** Stores changes of one channel: one record at a time, with all that came while the one before was on its way. */
export class Writer {
  readonly #subject: string
  readonly #limits: ChannelLimits
  readonly #parts: WriterParts
  readonly #replica: Replica
  #jobs: Job[] = []
  #flushing = false
  /** Of a stream that is kept on several servers, one may refuse that no longer decides, while another one stores. */
  #contested: Contested[] = []
  /** Whether others publish on the channel, too. */
  #isShared = false

  constructor(subject: string, limits: ChannelLimits, parts: WriterParts, replica: Replica) {
    this.#subject = subject
    this.#limits = limits
    this.#parts = parts
    this.#replica = replica
  }

  /** Whether something is under way. */
  get busy(): boolean {
    return this.#flushing
  }

  /**
   * Has a change stored; resolves with its outcome when that is done.
   *
   * @param draftOf - takes it into a draft; returns what its outcome is once that is stored.
   * @throws {@link TautlineError} `UNAVAILABLE`
   */
  write<T>(
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

  /** Stores what nobody has asked for: what is due, the epoch of a channel that has none, that one is still alive. */
  async tend(): Promise<void> {
    const now = this.#parts.engineClock.now()
    const { index, unborn } = this.#replica
    index.settle(now)
    if (unborn || index.dueIn(now) === 0 || this.#isOld(now)) await this.write({}, () => () => undefined)
  }

  /** The broker is closed. */
  close(): void {
    this.#rejectAll(notSent('the broker is closed'))
  }

  #isOld(now: number): boolean {
    return this.#replica.index.at + ALIVE_MS < now
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
        this.#settleContested()
        if (this.#jobs.length === 0) break
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
    const settle = () => {
      for (const each of settled) each(index.epoch)
    }
    if (isWorth) {
      if (!(await this.#append(index, draft, now, taken, settle))) return false
    } else {
      // Nothing is to be done, if what is known is true.
      await this.#replica.syncAnew()
      if (this.#replica.index !== index || index.seq !== seq) return true
      this.#take(taken.length)
    }
    settle()
    return true
  }

  /** Takes what is over out of the queue. */
  #take(jobs: number): Job[] {
    this.#contested = []
    this.#replica.settle()
    return this.#jobs.splice(0, jobs)
  }

  /** What was refused, and is there all the same, is not sent again. */
  #settleContested(): void {
    const stored = this.#contested.find(({ id }) => this.#replica.met(id))
    if (!stored) return
    this.#take(stored.jobs)
    stored.settle()
  }

  /** Stores a record and takes its jobs out of the queue. Returns `false` when somebody else was faster. */
  async #append(
    index: ChannelIndex,
    draft: Draft,
    now: number,
    jobs: readonly Job[],
    settle: () => void,
  ): Promise<boolean> {
    const { ms } = this.#limits
    const { entries, bodies, head, kept } = draft
    const lastsMs = Number.isFinite(ms) ? ms : 0
    const until = Number.isFinite(draft.until) ? draft.until : 0
    const { epoch, floor, seq: previous } = index
    const about = { epoch, id: nanoid(8), after: index.id, head, at: now, until, lastsMs, kept, floor }
    const record: ChannelRecord = { ...about, entries }
    // The feed may be faster than the answer.
    this.#replica.contest(record.id)
    try {
      const bytes = bodies.length === 1 && bodies[0] ? bodies[0] : Buffer.concat(bodies)
      const isInstead = this.#replica.unborn && previous > 0
      const seq = await this.#parts.store.append(this.#subject, record, bytes, previous, isInstead)
      this.#take(jobs.length)
      this.#replica.stored(index, { seq, previous, record })
      this.#clean(index, now)
      return true
    } catch (error) {
      this.#isShared = isConflict(error)
      if (this.#isShared) this.#contested.push({ id: record.id, jobs: jobs.length, settle })
      this.#replica.doubt()
      if (isStreamGone(error)) throw error
      if (this.#isShared) return false
      for (const job of this.#take(jobs.length)) job.reject(failed(error))
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
    for (const job of this.#take(this.#jobs.length)) job.reject(error)
  }

  /** Drops from the stream what nobody can read any more; what fails is found again by whoever loads it. */
  #clean(index: ChannelIndex, now: number): void {
    const garbage = index.garbage(now)
    if (!garbage) return
    const { store } = this.#parts
    store.dropBefore(this.#subject, garbage.before).catch(ignore)
    for (const seq of garbage.single) store.drop(seq).catch(ignore)
  }
}
