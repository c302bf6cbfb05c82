import type { Clock, Deadline, Deadlines } from '@tautline/core/wire'
import { CUT_OFF, MOVED } from './endings.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'

/** Clients are asked to leave at this rate, so that their next server is not overrun. */
export const LEAVING_PER_MS = 1
/** Who has nothing open and has not left so many ms after its slot is sent away. */
const TARDY_MS = 2_000
/** How often it is looked who is still there, in ms. */
const LOOK_MS = 100

/** How a drain is made. */
export interface DrainParts {
  readonly sessions: Sessions
  readonly clock: Clock
  readonly deadlines: Deadlines
}

/** Moves all clients of a server elsewhere: each leaves in a slot of its own, when what it has open is finished. */
export class Drain {
  /** Resolves when no session is left. */
  readonly done: Promise<void>
  readonly #parts: DrainParts
  readonly #leavesAt = new Map<Session, number>()
  #endsAt = Number.POSITIVE_INFINITY
  #next: Deadline | undefined
  #finish: () => void = () => undefined

  constructor(parts: DrainParts) {
    this.#parts = parts
    this.done = new Promise(resolve => {
      this.#finish = resolve
    })
  }

  /** Has everybody gone within so many ms. Said again, the earlier end counts. */
  within(ms: number): void {
    const endsAt = this.#parts.clock.now() + ms
    if (endsAt >= this.#endsAt) return
    this.#endsAt = endsAt
    this.#tell(ms)
    this.#look()
  }

  #tell(withinMs: number): void {
    const { sessions, clock } = this.#parts
    const now = clock.now()
    const attached = [...sessions].filter(session => session.attached)
    const spread = Math.min(withinMs / 2, attached.length / LEAVING_PER_MS)
    for (const [index, session] of attached.entries()) {
      const inMs = Math.floor((index * spread) / attached.length)
      this.#leavesAt.set(session, now + inMs)
      // A little less than there is, so that a client gives up before it is cut off.
      session.drain(inMs, Math.floor((withinMs - inMs) * 0.9))
    }
  }

  readonly #look = (): void => {
    const { sessions, clock, deadlines } = this.#parts
    const now = clock.now()
    deadlines.delete(this.#next)
    for (const session of sessions) {
      if (now >= this.#endsAt) session.close(CUT_OFF)
      else if (!session.busy && this.#tardy(session, now)) session.close(MOVED)
    }
    if (sessions.size === 0) this.#finish()
    else this.#next = deadlines.add(Math.min(LOOK_MS, this.#endsAt - now), this.#look)
  }

  #tardy(session: Session, now: number): boolean {
    return !session.attached || now >= (this.#leavesAt.get(session) ?? now) + TARDY_MS
  }
}
