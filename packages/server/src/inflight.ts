import type { TautlineError } from '@tautline/core'
import type { Link } from '@tautline/core/wire'
import { refusal } from './refusal.ts'

/** What the calls of one session may hold at a time. */
export interface InFlightLimits {
  /** Calls, streams and publishes whose handlers have not settled. */
  readonly calls: number
  /** Their inputs, with items up that nobody has read, and the answers that have not left, in bytes. */
  readonly callBytes: number
}

type Unsent = Pick<Link, 'unsentBytes'>

const NOTHING: Unsent = { unsentBytes: 0 }

/** The slots and bytes that the calls of one session hold (guarantees.md, "Limits"). */
export class InFlight {
  readonly #limits: InFlightLimits
  readonly #link: Unsent
  readonly #what: string
  #calls = 0
  #bytes = 0

  /**
   * @param link - knows how many bytes of the session have not left this process.
   * @param what - what is in flight, for the error.
   */
  constructor(limits: InFlightLimits, link = NOTHING, what = 'calls') {
    this.#limits = limits
    this.#link = link
    this.#what = what
  }

  /** Slots that are taken. */
  get calls(): number {
    return this.#calls
  }

  /** Bytes of the inputs of calls in flight, and of items up that nobody has read. */
  get bytes(): number {
    return this.#bytes
  }

  /** Whether no slot is left. */
  get full(): boolean {
    return this.#calls >= this.#limits.calls
  }

  /** Whether one more answer may wait to be sent; the last one may go beyond the limit. */
  get mayAnswer(): boolean {
    return this.#link.unsentBytes < this.#limits.callBytes
  }

  /**
   * Takes a slot for a call that came in `size` bytes.
   *
   * @throws `RESOURCE_EXHAUSTED` when there is none left, and none is taken.
   */
  take(size: number): void {
    const { calls, callBytes } = this.#limits
    if (this.full) throw refusal('RESOURCE_EXHAUSTED', `more than ${calls} ${this.#what} in flight`)
    if (this.#bytes + size + this.#link.unsentBytes > callBytes) {
      throw this.heavy
    }
    this.#calls += 1
    this.#bytes += size
  }

  /** What a call ends with that makes all of them hold too much. */
  get heavy(): TautlineError {
    return refusal('RESOURCE_EXHAUSTED', `more than ${this.#limits.callBytes} bytes in flight`)
  }

  /** What a call holds has grown or shrunk by so many bytes. Whether all of them hold more than they may. */
  weigh(bytes: number): boolean {
    this.#bytes += bytes
    return this.#bytes + this.#link.unsentBytes > this.#limits.callBytes
  }

  /** Gives a slot back. */
  release(size: number): void {
    this.#calls -= 1
    this.#bytes -= size
  }
}
