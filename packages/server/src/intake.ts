import { type Clock, type Deadline, type Deadlines, Inlet, type Link } from '@tautline/core/wire'
import type { ServerLimits } from './limits.ts'

/** What an intake keeps to. */
export type IntakeLimits = Pick<
  ServerLimits,
  'messageBytes' | 'rate' | 'burst' | 'highWaterBytes' | 'lowWaterBytes' | 'stalledMs'
>

/** What all intakes of a server share. */
export interface IntakeParts {
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly limits: IntakeLimits
}

/** In the middle of a message, reading waits for so many seconds' worth: what is left is looked through each time. */
const SLICE_S = 0.25

/**
 * Whether a session's socket is read: not while its client asks for more than its rate, and not while it leaves unread
 * what it was sent. Nothing is lost by it: what is not read stays with the client.
 */
export class Intake {
  readonly #parts: IntakeParts
  readonly #link: Link
  /** Made when reading stops for the first time: most clients never give a reason. */
  #inlet: Inlet | undefined
  #tokens: number
  #countedAt: number
  #debt: Deadline | undefined
  /** Of who has paid: each reads on in a turn of its own, else what all of them hold would be read at once. */
  #turn: unknown
  /** From when more is unsent than `highWaterBytes` until no more is than `lowWaterBytes`. */
  #flooded = false
  /** While more is unsent than `lowWaterBytes`: how much had been written, and since when it is no more. */
  #progress: { readonly written: number; at: number } | undefined

  constructor(parts: IntakeParts, link: Link) {
    this.#parts = parts
    this.#link = link
    this.#tokens = parts.limits.burst
    this.#countedAt = parts.clock.now()
  }

  /** A frame came in that counts as so many: a CALL, ITEM, SUBSCRIBE or PUBLISH is one. */
  take(cost: number): void {
    // The time of a message, not of each frame in it: reading a clock costs more than all the rest here.
    const { heardAt } = this.#link
    if (heardAt > this.#countedAt) this.#refill(heardAt)
    this.#tokens -= cost
    if (this.#tokens >= 0 || this.#inDebt) return
    this.#refill(this.#parts.clock.now())
    if (this.#tokens < 0) this.#owe(0)
  }

  /**
   * A client came back that could not be heard for so long: what it sends again was sent at its rate, and must not be
   * held against it.
   */
  forgive(silentMs: number): void {
    const { clock, limits } = this.#parts
    this.#tokens = limits.burst + (silentMs * limits.rate) / 1_000
    this.#countedAt = clock.now()
  }

  /** Bytes left, or were added. */
  room(): void {
    const { limits } = this.#parts
    const unsent = this.#link.unsentBytes
    if (!this.#flooded && unsent > limits.highWaterBytes) {
      this.#flooded = true
      this.#pause()
    } else if (this.#flooded && unsent <= limits.lowWaterBytes) {
      this.#flooded = false
      this.#decide()
    }
  }

  /**
   * Whether the client has read nothing for too long of what it was sent. Asked by every sweep. Below high water too:
   * streams wait there, and who reads nothing else would keep what waits for ever.
   */
  stalled(now: number): boolean {
    const { limits } = this.#parts
    const unsent = this.#link.unsentBytes
    const written = this.#link.traffic.sent - unsent
    if (unsent <= limits.lowWaterBytes) this.#progress = undefined
    else if (this.#progress?.written !== written) this.#progress = { written, at: now }
    return this.#progress !== undefined && now - this.#progress.at >= limits.stalledMs
  }

  /** This process was asleep: what it did not see proves nothing. */
  grace(now: number): void {
    if (this.#progress) this.#progress.at = now
  }

  /** Whether the socket is not read. */
  get paused(): boolean {
    return this.#inlet?.paused ?? false
  }

  /** The socket went, and its unsent bytes with it. */
  detached(): void {
    this.#flooded = false
    this.#progress = undefined
    this.#decide()
  }

  close(): void {
    this.#parts.deadlines.delete(this.#debt)
    this.#debt = undefined
    if (this.#turn !== undefined) this.#parts.clock.clearTimeout(this.#turn)
    this.#turn = undefined
  }

  get #inDebt(): boolean {
    return this.#debt !== undefined || this.#turn !== undefined
  }

  /** Waits until there are so many tokens. */
  #owe(due: number): void {
    const { clock, deadlines, limits } = this.#parts
    this.#debt = deadlines.add(((due - this.#tokens) / limits.rate) * 1_000, () => {
      this.#debt = undefined
      this.#turn = clock.setTimeout(() => this.#paid(), 0)
    })
    this.#pause()
  }

  #pause(): void {
    if (!this.#inlet) {
      this.#inlet = new Inlet(this.#parts.limits.messageBytes)
      this.#link.through(this.#inlet)
    }
    this.#inlet.pause()
  }

  #paid(): void {
    const { clock, limits } = this.#parts
    this.#turn = undefined
    this.#refill(clock.now())
    const due = this.#inlet?.interrupted ? Math.min(limits.burst, limits.rate * SLICE_S) : 0
    if (this.#tokens < due) this.#owe(due)
    else this.#decide()
  }

  #decide(): void {
    if (this.#flooded || this.#inDebt || !this.#inlet?.paused) return
    this.#link.grace()
    this.#inlet.resume()
  }

  #refill(now: number): void {
    const { rate, burst } = this.#parts.limits
    const full = Math.max(burst, this.#tokens)
    this.#tokens = Math.min(full, this.#tokens + ((now - this.#countedAt) * rate) / 1_000)
    this.#countedAt = now
  }
}
