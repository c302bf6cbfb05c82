import type { Clock } from '@tautline/core/wire'

/** Turns of the event loop that {@link VirtualClock.settle} waits for before it says that work never ends. */
const MOST_TURNS = 10_000

type Timer = { readonly at: number; readonly order: number; readonly run: () => void }

/**
 * Time that moves only when it is told to. Both sides take it as their `clock`; hours pass in milliseconds, and a test
 * sees the same order of events every time.
 */
export class VirtualClock implements Clock {
  #now = 0
  #order = 0
  #work = 0
  readonly #timers = new Set<Timer>()
  readonly #deferred: (() => void)[] = []

  /** Timers that are still to come: 0 when everything that used this clock is closed. */
  get pending(): number {
    return this.#timers.size
  }

  now(): number {
    return this.#now
  }

  setTimeout(run: () => void, ms: number): unknown {
    const timer = { at: this.#now + Math.max(0, ms), order: this.#order++, run }
    this.#timers.add(timer)
    return timer
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as Timer)
  }

  defer(run: () => void): void {
    if (this.#deferred.push(run) === 1) queueMicrotask(() => this.tick())
  }

  /**
   * Runs what was deferred to the end of the tick now, and what that defers; waits for no promise.
   *
   * @param most - how many pieces of deferred work to run; all of it unless told otherwise.
   */
  tick(most = Number.POSITIVE_INFINITY): void {
    for (let ran = 0; ran < most; ran++) {
      const run = this.#deferred.shift()
      if (!run) return
      this.#work += 1
      run()
    }
  }

  /** Lets everything happen that needs no time to pass: deferred work, promises, and what follows from them. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < MOST_TURNS; turn++) {
      const before = this.#work
      this.tick()
      await new Promise(resolve => setImmediate(resolve))
      if (this.#deferred.length === 0 && this.#work === before) return
    }
    throw new Error(`work without end: nothing came to rest in ${MOST_TURNS} turns`)
  }

  /** Lets `ms` milliseconds pass: each timer runs at its time, in order, and what it starts settles before the next. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await this.settle()
    for (let timer = this.#due(end); timer; timer = this.#due(end)) {
      this.#run(timer)
      await this.settle()
    }
    this.#now = end
  }

  /** As {@link VirtualClock.advance}, for code that uses no promises. */
  advanceSync(ms: number): void {
    const end = this.#now + ms
    this.tick()
    for (let timer = this.#due(end); timer; timer = this.#due(end)) {
      this.#run(timer)
      this.tick()
    }
    this.#now = end
  }

  #run(timer: Timer): void {
    this.#timers.delete(timer)
    this.#now = Math.max(this.#now, timer.at)
    this.#work += 1
    timer.run()
  }

  #due(end: number): Timer | undefined {
    let due: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.at <= end && (!due || timer.at < due.at || (timer.at === due.at && timer.order < due.order)))
        due = timer
    }
    return due
  }
}
