import type { Clock } from './clock.ts'

/** Period of a sweep in ms. */
const SWEEP_MS = 1_000

/**
 * Looks at every link once a second, on one timer for all of them. A sweep that comes late by more than half its period
 * was itself asleep, and says so: silence during a stall proves nothing about the other side (guarantees.md, "Liveness").
 */
export class Sweep {
  readonly #clock: Clock
  readonly #look: (now: number, stalled: boolean) => void
  #timer: unknown
  #dueAt = 0

  /** @param look - called once a second; `stalled` when this process was asleep since the last time. */
  constructor(clock: Clock, look: (now: number, stalled: boolean) => void) {
    this.#clock = clock
    this.#look = look
  }

  start(): void {
    if (this.#timer !== undefined) return
    this.#arm()
  }

  stop(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #arm(): void {
    this.#dueAt = this.#clock.now() + SWEEP_MS
    this.#timer = this.#clock.setTimeout(this.#due, SWEEP_MS)
  }

  /** Judged one timer later: what had arrived before the sweep is read in between. */
  readonly #due = (): void => {
    const stalled = this.#clock.now() - this.#dueAt > SWEEP_MS / 2
    this.#timer = this.#clock.setTimeout(() => {
      this.#arm()
      this.#look(this.#clock.now(), stalled)
    }, 0)
  }
}

/** How long a silence lasts before it is questioned, and how long the answer may take, in ms. */
export interface Patience {
  readonly silenceMs: number
  readonly answerMs: number
}

/** What a heartbeat found: all is well, the other side must be asked (PING), or it is gone. */
export type Pulse = 'well' | 'ask' | 'gone'

/** Judges one link by the time since anything was heard on it; remembers whether it has asked. */
export class Heartbeat {
  #askedAt: number | undefined

  /** To be called by every sweep. */
  judge(now: number, heardAt: number, { silenceMs, answerMs }: Patience): Pulse {
    if (this.#askedAt !== undefined && heardAt >= this.#askedAt) this.#askedAt = undefined
    if (this.#askedAt !== undefined) return now - this.#askedAt >= answerMs ? 'gone' : 'well'
    if (now - heardAt < silenceMs) return 'well'
    this.#askedAt = now
    return 'ask'
  }

  /** Forgets the question: after a stall of one's own, or on a new socket. */
  reset(): void {
    this.#askedAt = undefined
  }
}
