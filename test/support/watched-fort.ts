import type { ServerLimits } from '@tautline/server'
import { limitsOf } from '../../packages/server/src/limits.ts'
import { Fort, type Testimony } from './fort.ts'
import { type Overrun, type Overruns, pass, Raid } from './raid.ts'

/** A fort whose limits can be gone beyond, and what its honest client sees of it. */
export class WatchedFort {
  readonly fort: Fort
  /** What the honest client saw while nobody did anything. */
  readonly usual: Testimony
  readonly #limits: ServerLimits

  private constructor(fort: Fort, limits: ServerLimits, usual: Testimony) {
    this.fort = fort
    this.usual = usual
    this.#limits = limits
  }

  /** One with the limits that these are for. */
  static async start(overruns: Partial<Overruns<keyof ServerLimits>>): Promise<WatchedFort> {
    const lower = Object.entries(overruns).filter(([, { limit }]) => limit !== undefined)
    const limits: Partial<ServerLimits> = Object.fromEntries(lower.map(([name, { limit }]) => [name, limit]))
    const fort = await Fort.start({ limits })
    await pass(500)
    return new WatchedFort(fort, limitsOf(limits), await fort.testimony())
  }

  /** Goes beyond limits at once, and for so many ms again and again; says what the honest client saw meanwhile. */
  async under(overruns: readonly Overrun[], ms = 0): Promise<Testimony> {
    await this.fort.testimony()
    const end = performance.now() + ms
    do {
      await Promise.all(overruns.map(overrun => this.#overrun(overrun)))
      await pass(10)
    } while (performance.now() < end)
    return this.fort.testimony()
  }

  async #overrun({ run }: Overrun): Promise<void> {
    const raid = new Raid(this.fort, this.#limits)
    try {
      await run(raid)
    } finally {
      await raid.end()
    }
  }
}
