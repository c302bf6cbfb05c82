/** Open sockets by address, and how many of them nobody knows yet. */
export class Crowd {
  readonly #most: number
  readonly #byAddress = new Map<string, { open: number; unknown: number }>()

  /** @param most - sockets per address that nobody knows yet. */
  constructor(most: number) {
    this.#most = most
  }

  /** How many addresses have open sockets. */
  get size(): number {
    return this.#byAddress.size
  }

  /**
   * Whether one more may come from that address. While all sockets have one address, it is that of a proxy nobody told
   * us of, and says nothing.
   */
  mayEnter(address: string | undefined): boolean {
    const those = address === undefined ? undefined : this.#byAddress.get(address)
    return !those || those.unknown < this.#most || this.#byAddress.size === 1
  }

  /** A socket opens. Call `known` when somebody knows it, `left` when it is gone; each counts once. */
  enter(address: string | undefined): { known(): void; left(): void } {
    if (address === undefined) return { known: () => undefined, left: () => undefined }
    const those = this.#byAddress.get(address) ?? { open: 0, unknown: 0 }
    this.#byAddress.set(address, those)
    those.open += 1
    those.unknown += 1
    let state: 'unknown' | 'known' | 'left' = 'unknown'
    const known = () => {
      if (state !== 'unknown') return
      state = 'known'
      those.unknown -= 1
    }
    const left = () => {
      if (state === 'left') return
      known()
      state = 'left'
      those.open -= 1
      if (those.open === 0) this.#byAddress.delete(address)
    }
    return { known, left }
  }
}
