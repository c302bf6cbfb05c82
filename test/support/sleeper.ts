import type { Clock } from '@tautline/core/wire'

/**
 * The clock of a machine that is put to sleep, over one that is not: while it is asleep no timer runs, and when it wakes
 * all that were due run at once. While it is throttled, as a hidden tab, no timer comes before a minute has passed.
 */
export class SleepingClock implements Clock {
  throttled = false
  readonly #clock: Clock
  #asleep: Map<object, () => void> | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  now(): number {
    return this.#clock.now()
  }

  setTimeout(run: () => void, ms: number): unknown {
    const timer: { handle?: unknown } = {}
    const due = () => {
      if (this.#asleep) this.#asleep.set(timer, run)
      else run()
    }
    timer.handle = this.#clock.setTimeout(due, this.throttled ? Math.max(ms, 60_000) : ms)
    return timer
  }

  clearTimeout(timer: unknown): void {
    if (!timer) return
    this.#asleep?.delete(timer)
    this.#clock.clearTimeout((timer as { handle?: unknown }).handle)
  }

  defer(run: () => void): void {
    this.#clock.defer(run)
  }

  sleep(): void {
    this.#asleep ??= new Map()
  }

  wake(): void {
    const due = this.#asleep
    this.#asleep = undefined
    for (const run of due?.values() ?? []) run()
  }
}
