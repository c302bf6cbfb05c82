import { notSent } from './failures.ts'

/** So much may be under way at a time: beyond it, nothing more is sent. */
const MOST_ASKED = 20_000
const MOST_BYTES = 64 * 1_024 * 1_024
/** What each costs beside its bytes. */
const OVERHEAD = 256

/** What is under way to the engine. */
export class Load {
  #asked = 0
  #bytes = 0

  /** What is under way. */
  get size(): number {
    return this.#asked
  }

  /**
   * Does something of so many bytes, unless too much is being done.
   *
   * @throws {@link TautlineError} `UNAVAILABLE`: nothing was sent.
   */
  async carry<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    const cost = bytes + OVERHEAD
    const isTooMuch = this.#bytes > 0 && this.#bytes + cost > MOST_BYTES
    if (this.#asked >= MOST_ASKED || isTooMuch) throw notSent('too much is under way to NATS')
    this.#asked += 1
    this.#bytes += cost
    try {
      return await work()
    } finally {
      this.#asked -= 1
      this.#bytes -= cost
    }
  }
}
