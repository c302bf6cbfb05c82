import { type Clock, systemClock } from '@tautline/core/wire'

/** The machine's clock, with leaps: what falls into one happens at once. */
export class LeapingClock implements Clock {
  /** Ms that it is ahead of the machine. */
  ahead = 0
  readonly #timers = new Map<object, { readonly at: number; readonly run: () => void; timer: unknown }>()

  /** Timers that are still to come. */
  get pending(): number {
    return this.#timers.size
  }

  now(): number {
    return systemClock.now() + this.ahead
  }

  setTimeout(run: () => void, ms: number): unknown {
    const handle = {}
    const fire = () => {
      this.#timers.delete(handle)
      run()
    }
    this.#timers.set(handle, { at: this.now() + ms, run: fire, timer: systemClock.setTimeout(fire, ms) })
    return handle
  }

  clearTimeout(handle: unknown): void {
    systemClock.clearTimeout(this.#timers.get(handle as object)?.timer)
    this.#timers.delete(handle as object)
  }

  defer(run: () => void): void {
    systemClock.defer(run)
  }

  leap(ms: number): void {
    this.ahead += ms
    for (const { at, run, timer } of [...this.#timers.values()]) {
      if (at > this.now()) continue
      systemClock.clearTimeout(timer)
      run()
    }
  }
}
