import type { Deadline, Deadlines } from './deadlines.ts'

/** One deadline for each name at the most: the soonest of those that were planned. */
export class Soonest {
  readonly #deadlines: Deadlines
  readonly #planned = new Map<string, { readonly at: number; readonly deadline: Deadline }>()

  constructor(deadlines: Deadlines) {
    this.#deadlines = deadlines
  }

  /** Runs `run` in so many `ms`, counted from `now`, unless something is planned under that name for sooner. */
  plan(name: string, now: number, ms: number, run: () => void): void {
    const planned = this.#planned.get(name)
    if (planned && planned.at <= now + ms) return
    this.#deadlines.delete(planned?.deadline)
    const deadline = this.#deadlines.add(ms, () => {
      this.#planned.delete(name)
      run()
    })
    this.#planned.set(name, { at: now + ms, deadline })
  }

  /** Nothing is planned under that name any more. */
  forget(name: string): void {
    this.#deadlines.delete(this.#planned.get(name)?.deadline)
    this.#planned.delete(name)
  }
}
