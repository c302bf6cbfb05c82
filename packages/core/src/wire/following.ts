import type { Clock } from './clock.ts'
import type { Deadline, Deadlines } from './deadlines.ts'

/** Who is followed, by name, how often, and when something is due for it: at the soonest that was planned. */
export class Following {
  readonly #clock: Pick<Clock, 'now'>
  readonly #deadlines: Deadlines
  readonly #followers = new Map<string, number>()
  readonly #planned = new Map<string, { readonly at: number; readonly deadline: Deadline }>()

  constructor(clock: Pick<Clock, 'now'>, deadlines: Deadlines) {
    this.#clock = clock
    this.#deadlines = deadlines
  }

  has(name: string): boolean {
    return this.#followers.has(name)
  }

  /** One more follower. */
  enter(name: string): void {
    this.#followers.set(name, (this.#followers.get(name) ?? 0) + 1)
  }

  /** One less; with the last one what was planned is forgotten. Returns whether it was the last one. */
  leave(name: string): boolean {
    const followers = (this.#followers.get(name) ?? 0) - 1
    if (followers > 0) {
      this.#followers.set(name, followers)
      return false
    }
    this.#followers.delete(name)
    this.#deadlines.delete(this.#planned.get(name)?.deadline)
    this.#planned.delete(name)
    return true
  }

  /** Runs `run` in so many `ms`, unless something is planned under that name for sooner, or nobody follows it by then. */
  plan(name: string, ms: number, run: () => void): void {
    const at = this.#clock.now() + ms
    const planned = this.#planned.get(name)
    if (planned && planned.at <= at) return
    this.#deadlines.delete(planned?.deadline)
    const deadline = this.#deadlines.add(ms, () => {
      this.#planned.delete(name)
      if (this.#followers.has(name)) run()
    })
    this.#planned.set(name, { at, deadline })
  }

  /** Nobody follows anything any more. Deadlines are cleared by whose they are. */
  clear(): void {
    this.#followers.clear()
    this.#planned.clear()
  }
}
