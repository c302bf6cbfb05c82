import type { Clock } from '@tautline/core/wire'

/** An answer that took longer says too little, unless it is the first one. */
const FAST_MS = 500

/** The engine's clock, so that a lease means the same to servers whose clocks differ. */
export class EngineClock {
  readonly #clock: Clock
  /** Ms between the engine's clock and ours. */
  #ahead: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Ms since 1970, by the engine. */
  now(): number {
    return Math.round(this.#clock.now() + (this.#ahead ?? 0))
  }

  /** Sets it: `ask` resolves with the engine's time at some moment while it was asked. */
  async set(ask: () => Promise<number>): Promise<void> {
    const began = this.#clock.now()
    const time = await ask()
    const now = this.#clock.now()
    if (this.#ahead === undefined || now - began < FAST_MS) this.#ahead = time - (began + now) / 2
  }
}
