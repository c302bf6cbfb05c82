import type { Publication } from '@tautline/server'
import { type ChannelLimits, costOf, type Draft, headerBytesOf, MOST_ENTRIES } from './channel-index.ts'
import type { Entry } from './record.ts'

/** Retracted by one record, because their time is over. */
const MOST_DUE = 100

interface Drafted {
  readonly offset: number
  readonly size: number
}

/** A message that is kept, as far as a draft has to know it. */
interface Kept extends Drafted {
  readonly key: string
  /** When it is to be retracted, in ms of the engine's clock. */
  readonly dueAt: number
}

/** What a draft begins with. */
export interface LatestState {
  readonly limits: ChannelLimits
  readonly head: number
  readonly kept: number
  readonly bytes: number
  readonly until: number
  newest(key: string): Kept | undefined
  /** In order of offsets. */
  messages(): Iterable<Kept>
  findOnce(once: string, now: number): number | undefined
}

/** What is about to be stored of the newest of each key: see {@link Draft}. */
export class LatestDraft implements Draft {
  readonly entries: Entry[] = []
  readonly bodies: Uint8Array[] = []
  bytes = 0
  head: number
  kept: number
  readonly #index: LatestState
  readonly #now: number
  /** Keys that it changes, in order of offsets; `undefined` for what it retracts. */
  readonly #changed = new Map<string, Drafted | undefined>()
  readonly #once = new Map<string, number>()
  #keptBytes: number
  #until: number

  constructor(index: LatestState, now: number, isDue: boolean) {
    this.#index = index
    this.#now = now
    this.head = index.head
    this.kept = index.kept
    this.#keptBytes = index.bytes
    this.#until = index.until
    if (isDue) this.#expire()
  }

  get until(): number {
    return this.kept === 0 ? this.#now : this.#until
  }

  publish({ body, key = '', leaseMs, ifOffset }: Publication, once: string | undefined): number {
    const before = once === undefined ? undefined : (this.#once.get(once) ?? this.#index.findOnce(once, this.#now))
    if (before !== undefined) return before
    const newest = this.#newest(key)
    if (!body) {
      if (newest && (ifOffset === undefined || ifOffset === newest.offset)) this.#retract(key, newest)
      return this.head
    }
    if (newest) this.#remove(key, newest)
    this.head += 1
    const offset = this.head
    this.#changed.delete(key)
    this.#changed.set(key, { offset, size: body.length })
    this.kept += 1
    this.#keptBytes += costOf(body.length, key)
    this.#until = Math.max(
      this.#until,
      this.#now + Math.min(this.#index.limits.ms, leaseMs ?? Number.POSITIVE_INFINITY),
    )
    this.#write({ kind: 'message', key, size: body.length, leaseMs, once })
    this.bodies.push(body)
    this.bytes += body.length
    if (once !== undefined) this.#once.set(once, offset)
    this.#shrink()
    return offset
  }

  renew(held: ReadonlyMap<string, number>, leaseMs: number): readonly string[] {
    const lost: string[] = []
    for (const [key, offset] of held) {
      if (this.#newest(key)?.offset !== offset) {
        lost.push(key)
        continue
      }
      this.#until = Math.max(this.#until, this.#now + leaseMs)
      this.#write({ kind: 'renewal', key, offset, leaseMs })
    }
    return lost
  }

  #newest(key: string): Drafted | undefined {
    return this.#changed.has(key) ? this.#changed.get(key) : this.#index.newest(key)
  }

  #expire(): void {
    const due = [...this.#index.messages()].filter(({ dueAt }) => dueAt <= this.#now)
    due.sort((a, b) => a.dueAt - b.dueAt)
    for (const message of due.slice(0, MOST_DUE)) this.#retract(message.key, message)
  }

  /** What no longer fits is retracted in the same step; where that is too much for it, the rest with the next. */
  #shrink(): void {
    const { count, bytes } = this.#index.limits
    while ((this.kept > count || this.#keptBytes > bytes) && this.entries.length < MOST_ENTRIES) {
      const [key, oldest] = this.#oldest()
      if (key === undefined || !oldest) return
      this.#retract(key, oldest)
    }
  }

  #oldest(): readonly [string?, Drafted?] {
    for (const message of this.#index.messages()) if (!this.#changed.has(message.key)) return [message.key, message]
    for (const [key, drafted] of this.#changed) if (drafted) return [key, drafted]
    return []
  }

  #retract(key: string, message: Drafted): void {
    this.#remove(key, message)
    this.head += 1
    this.#changed.delete(key)
    this.#changed.set(key, undefined)
    this.#write({ kind: 'retraction', key })
  }

  #remove(key: string, { size }: Drafted): void {
    this.kept -= 1
    this.#keptBytes -= costOf(size, key)
  }

  #write(entry: Entry): void {
    this.entries.push(entry)
    this.bytes += headerBytesOf(entry.key)
  }
}
