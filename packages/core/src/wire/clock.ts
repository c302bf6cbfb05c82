/**
 * Time as Tautline sees it. Both sides take one in their options, so that a test can own every millisecond
 * (`@tautline/testing` has a clock that only moves when it is told to).
 */
export interface Clock {
  /** Milliseconds on a clock that never jumps back; only differences mean anything. */
  now(): number
  /** Runs `run` once after `ms` milliseconds and returns a handle for {@link Clock.clearTimeout}. */
  setTimeout(run: () => void, ms: number): unknown
  /** Forgets a timer; a handle that has already fired is ignored. */
  clearTimeout(timer: unknown): void
  /** Runs `run` when the current tick's work is done, and before any timer. */
  defer(run: () => void): void
}

/** Where the process offers `nextTick`, it runs after all promises of the tick: more frames leave in one message. */
const nextTick = (globalThis as { process?: { nextTick?: (run: () => void) => void } }).process?.nextTick

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  // What is overdue runs next: newer Nodes warn of a negative time.
  setTimeout: (run, ms) => setTimeout(run, Math.max(0, ms)),
  clearTimeout: timer => clearTimeout(timer as ReturnType<typeof setTimeout>),
  defer: nextTick ?? queueMicrotask.bind(globalThis),
}
