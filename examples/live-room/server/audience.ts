import type { SessionHandle } from '@tautline/server'

/** How many are here. What the server does on its own, it does only for somebody. */
export class Audience {
  #size = 0

  get size(): number {
    return this.#size
  }

  /** A session waits for its client for a while: whoever's line was cut is still here. */
  readonly enter = (session: SessionHandle): void => {
    this.#size += 1
    session.onEnd(() => {
      this.#size -= 1
    })
  }
}
