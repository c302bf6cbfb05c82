import type { Clock } from '@tautline/core/wire'

/** What is done at the end of a tick. `alone`: nobody else has anything to do then. */
export type Work = (alone: boolean) => void

/** Does at the end of a tick what was asked for in it. */
export class Tick {
  readonly #clock: Pick<Clock, 'defer'>
  #waiting: Work[] = []

  constructor(clock: Pick<Clock, 'defer'>) {
    this.#clock = clock
  }

  /** Does it once the tick's work is done. */
  end(work: Work): void {
    if (this.#waiting.push(work) === 1) this.#clock.defer(this.#run)
  }

  readonly #run = (): void => {
    const due = this.#waiting
    this.#waiting = []
    for (const work of due) work(due.length === 1)
  }
}
