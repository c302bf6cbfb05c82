import type { Clock } from './clock.ts'

/** A timer that is set for longer fires at once; one that comes too early finds nothing due, and is set again. */
const LONGEST_MS = 2_147_483_647

/** Where things are put that run later: {@link Deadlines}, or whatever gives each a timer of its own. */
export interface Timers {
  /** Runs `run` once, `ms` milliseconds from now. Returns a handle for {@link Timers.delete}. */
  add(ms: number, run: () => void): unknown
  /** Forgets it; what has run, or `undefined`, is ignored. */
  delete(timer: unknown): void
}

/** Something to be run at a time, unless it is deleted before. */
export interface Deadline {
  readonly slot: number
  readonly run: () => void
}

/**
 * Many deadlines on one timer. Adding and deleting cost a map look-up each, whatever their number; a deadline never
 * runs early and at most `resolution` late.
 */
export class Deadlines implements Timers {
  readonly #clock: Clock
  readonly #resolution: number
  readonly #slots = new Map<number, Set<Deadline>>()
  #armedFor = Number.POSITIVE_INFINITY
  #timer: unknown

  /** @param resolution - width of a slot in ms; deadlines of one slot run together. */
  constructor(clock: Clock, resolution: number) {
    this.#clock = clock
    this.#resolution = resolution
  }

  /** Number of deadlines that are still to come. */
  get size(): number {
    let size = 0
    for (const slot of this.#slots.values()) size += slot.size
    return size
  }

  /** Runs `run` once, `ms` milliseconds from now. */
  add(ms: number, run: () => void): Deadline {
    const slot = Math.ceil((this.#clock.now() + ms) / this.#resolution)
    const deadline = { slot, run }
    const others = this.#slots.get(slot)
    if (others) others.add(deadline)
    else this.#slots.set(slot, new Set([deadline]))
    if (slot < this.#armedFor) this.#arm(slot)
    return deadline
  }

  /** Forgets a deadline; one that has run, or `undefined`, is ignored. */
  delete(deadline: Deadline | undefined): void {
    if (!deadline) return
    const others = this.#slots.get(deadline.slot)
    if (!others?.delete(deadline) || others.size > 0) return
    this.#slots.delete(deadline.slot)
    if (this.#slots.size === 0) this.#disarm()
  }

  /** Forgets everything and stops the timer. */
  clear(): void {
    this.#slots.clear()
    this.#disarm()
  }

  #arm(slot: number): void {
    this.#disarm()
    this.#armedFor = slot
    this.#timer = this.#clock.setTimeout(this.#fire, Math.min(LONGEST_MS, slot * this.#resolution - this.#clock.now()))
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#armedFor = Number.POSITIVE_INFINITY
  }

  readonly #fire = (): void => {
    this.#disarm()
    const due = Math.floor(this.#clock.now() / this.#resolution)
    const slots = [...this.#slots.keys()].filter(slot => slot <= due).sort((a, b) => a - b)
    for (const slot of slots) this.#runSlot(slot)
    let next = Number.POSITIVE_INFINITY
    for (const slot of this.#slots.keys()) if (slot < next) next = slot
    if (next < this.#armedFor) this.#arm(next)
  }

  #runSlot(slot: number): void {
    const deadlines = this.#slots.get(slot)
    if (!deadlines) return
    for (const deadline of deadlines) {
      deadlines.delete(deadline)
      deadline.run()
    }
    if (deadlines.size === 0) this.#slots.delete(slot)
  }
}
