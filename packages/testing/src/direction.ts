import type { Clock } from '@tautline/core/wire'

/** What a line does to what it carries one way. All may be changed at any time. */
export interface Conditions {
  /** How long a message is under way, in ms. */
  latencyMs: number
  /** Up to so much more, in ms, by chance; the order is kept. */
  jitterMs: number
  /** Bytes a second; `Infinity` for no limit. */
  bytesPerSecond: number
}

/** Bytes that a receiver that does not read takes before the sender has to keep them. */
const RECEIVE_WINDOW = 64 * 1024

type Parcel = { readonly bytes: number; readonly deliver: () => void }

/**
 * One way of one connection: parcels leave the sender at the line's speed, are under way for its latency, and wait at a
 * receiver that does not read. In order, each once, or never.
 */
export class Direction {
  readonly #clock: Clock
  readonly #random: () => number
  readonly #conditions: Conditions
  readonly #written: () => void
  readonly #unsent: Parcel[] = []
  readonly #underWay: { readonly parcel: Parcel; readonly at: number }[] = []
  #unsentBytes = 0
  #unreadBytes = 0
  #carried = 0
  #freeAt = 0
  #sending: unknown
  #arriving: unknown
  #held = false
  #reading = true
  #closed = false

  /** @param written - told whenever bytes have left the sender. */
  constructor(clock: Clock, random: () => number, conditions: Conditions, written: () => void) {
    this.#clock = clock
    this.#random = random
    this.#conditions = conditions
    this.#written = written
  }

  /** Bytes that have not left the sender. */
  get unsentBytes(): number {
    return this.#unsentBytes
  }

  /** Bytes that the receiver has read since the connection was made. */
  get carried(): number {
    return this.#carried
  }

  /** Takes a parcel; `deliver` runs when the receiver reads it. */
  send(bytes: number, deliver: () => void): void {
    if (this.#closed) return
    this.#unsent.push({ bytes, deliver })
    this.#unsentBytes += bytes
    this.#sendNext()
  }

  /** From now on nothing arrives, until {@link Direction.release}. */
  hold(): void {
    this.#held = true
    this.#clock.clearTimeout(this.#arriving)
    this.#arriving = undefined
  }

  /** What was held arrives, and all that follows. */
  release(): void {
    this.#held = false
    this.#arriveNext()
    this.#sendNext()
  }

  /** The receiver stops reading, or reads again. */
  read(reading: boolean): void {
    this.#reading = reading
    if (!reading) return
    this.#arriveNext()
    this.#sendNext()
  }

  /** Whatever is under way is lost. */
  close(): void {
    this.#closed = true
    this.#clock.clearTimeout(this.#sending)
    this.#clock.clearTimeout(this.#arriving)
    this.#unsent.length = 0
    this.#underWay.length = 0
    this.#unsentBytes = 0
  }

  #sendNext(): void {
    if (this.#sending !== undefined || this.#closed) return
    const parcel = this.#unsent[0]
    if (!parcel || (this.#unreadBytes > RECEIVE_WINDOW && (this.#held || !this.#reading))) return
    const { bytesPerSecond } = this.#conditions
    const writeMs = Number.isFinite(bytesPerSecond) ? (parcel.bytes / bytesPerSecond) * 1_000 : 0
    this.#sending = this.#clock.setTimeout(() => {
      this.#sending = undefined
      this.#unsent.shift()
      this.#depart(parcel)
      this.#sendNext()
    }, writeMs)
  }

  #depart(parcel: Parcel): void {
    const { latencyMs, jitterMs } = this.#conditions
    this.#unsentBytes -= parcel.bytes
    this.#unreadBytes += parcel.bytes
    this.#freeAt = Math.max(this.#freeAt, this.#clock.now() + latencyMs + jitterMs * this.#random())
    this.#underWay.push({ parcel, at: this.#freeAt })
    this.#arriveNext()
    if (parcel.bytes > 0) this.#written()
  }

  #arriveNext(): void {
    const next = this.#underWay[0]
    if (!next || this.#arriving !== undefined || this.#held || !this.#reading || this.#closed) return
    this.#arriving = this.#clock.setTimeout(() => {
      this.#arriving = undefined
      if (this.#held || !this.#reading) return
      this.#underWay.shift()
      this.#unreadBytes -= next.parcel.bytes
      this.#carried += next.parcel.bytes
      next.parcel.deliver()
      this.#arriveNext()
      this.#sendNext()
    }, next.at - this.#clock.now())
  }
}
