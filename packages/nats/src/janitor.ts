import type { Deadlines } from '@tautline/core/wire'
import { nanoid } from 'nanoid'
import { NO_RECORD } from './channel-index.ts'
import type { EngineClock } from './engine-clock.ts'
import { allSubjectsOf, ownSubjectOf } from './names.ts'
import type { ChannelRecord } from './record.ts'
import type { Store } from './store.ts'

const HOUR_MS = 3_600_000
/** What is over stays for so many ms, so that a channel that is quiet keeps its epoch. */
const GRACE_MS = 24 * HOUR_MS

/** What a janitor is made of. */
export interface JanitorParts {
  readonly store: Pick<Store, 'newest' | 'append' | 'newestOfAll' | 'dropBefore'>
  readonly engineClock: EngineClock
  readonly prefix: string
  readonly deadlines: Deadlines
}

/**
 * Takes out of the stream, once an hour, what is left of channels that are over: no limit of the stream's could, because
 * each topic has its own. Of all processes on a stream, one does it.
 */
export class Janitor {
  readonly #parts: JanitorParts
  #isClosed = false

  constructor(parts: JanitorParts) {
    this.#parts = parts
    this.#plan(HOUR_MS * Math.random())
  }

  close(): void {
    this.#isClosed = true
  }

  /** Cleans up, unless another one has done so within the hour. Returns how many channels are gone. */
  async clean(): Promise<number> {
    if (!(await this.#claim())) return 0
    const { store, prefix, engineClock } = this.#parts
    let gone = 0
    for (const [subject, { seq, record }] of await store.newestOfAll(allSubjectsOf(prefix).memory)) {
      if (!isOver(record, engineClock.now())) continue
      await store.dropBefore(subject, seq + 1)
      gone += 1
    }
    return gone
  }

  #plan(ms: number): void {
    this.#parts.deadlines.add(ms, () => {
      if (this.#isClosed) return
      this.#plan(HOUR_MS)
      // What cannot be done now is, in an hour.
      this.clean().catch(() => undefined)
    })
  }

  async #claim(): Promise<boolean> {
    const { store, prefix, engineClock } = this.#parts
    const subject = ownSubjectOf(prefix, 'janitor')
    const newest = await store.newest(subject)
    const at = engineClock.now()
    if (newest?.stored && newest.stored.record.at + HOUR_MS > at) return false
    const about = { epoch: NO_RECORD, id: nanoid(8), after: NO_RECORD, head: 0, entries: [] }
    const record: ChannelRecord = { ...about, at, until: 0, lastsMs: 0, kept: 0, floor: 0 }
    await store.append(subject, record, new Uint8Array(), newest?.seq ?? 0, true)
    return true
  }
}

function isOver({ at, until }: ChannelRecord, now: number): boolean {
  return until > 0 && Math.max(at, until) + GRACE_MS < now
}
