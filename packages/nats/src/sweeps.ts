import type { Deadline, Deadlines } from '@tautline/core/wire'

/**
 * What is due in a stream that knows nothing of it: somebody has to store that it is over. Every process that follows
 * the channel tries; the first one does it.
 */
export class Sweeps {
  readonly #deadlines: Deadlines
  readonly #planned = new Map<string, { readonly at: number; readonly deadline: Deadline }>()

  constructor(deadlines: Deadlines) {
    this.#deadlines = deadlines
  }

  /** Runs `sweep` in so many ms, unless the channel's is planned for sooner. */
  plan(channel: string, now: number, ms: number, sweep: () => void): void {
    const planned = this.#planned.get(channel)
    if (planned && planned.at <= now + ms) return
    this.#deadlines.delete(planned?.deadline)
    const deadline = this.#deadlines.add(ms, () => {
      this.#planned.delete(channel)
      sweep()
    })
    this.#planned.set(channel, { at: now + ms, deadline })
  }

  /** Nobody follows the channel any more. */
  forget(channel: string): void {
    this.#deadlines.delete(this.#planned.get(channel)?.deadline)
    this.#planned.delete(channel)
  }
}
