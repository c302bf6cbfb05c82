import type { Clock } from '@tautline/core/wire'

/** The engine's clock, so that a lease means the same to servers whose clocks differ. */
export class EngineClock {
  readonly #clock: Clock
  /** Ms between the engine's clock and ours. */
  #ahead = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Ms since 1970, by the engine. */
  now(): number {
    return Math.round(this.#clock.now() + this.#ahead)
  }

  /** Sets it: `ask` resolves with the engine's time at some moment while it was asked. */
  async set(ask: () => Promise<number>): Promise<void> {
    const began = this.#clock.now()
    const time = await ask()
    this.#ahead = time - (began + this.#clock.now()) / 2
  }
}
