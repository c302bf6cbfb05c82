/** An open socket, as the crowd counts it. */
export interface Guest {
  readonly address: string | undefined
  known: boolean
}

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

  /** A socket opens. To be called once for each, and {@link Crowd.leave} when it is gone. */
  enter(address: string | undefined): Guest {
    const guest = { address, known: false }
    if (address === undefined) return guest
    const those = this.#byAddress.get(address) ?? { open: 0, unknown: 0 }
    this.#byAddress.set(address, those)
    those.open += 1
    those.unknown += 1
    return guest
  }

  /** Somebody knows who it is, or nobody needs to any more. */
  know(guest: Guest): void {
    if (guest.known) return
    guest.known = true
    const those = guest.address === undefined ? undefined : this.#byAddress.get(guest.address)
    if (those) those.unknown -= 1
  }

  leave(guest: Guest): void {
    this.know(guest)
    const those = guest.address === undefined ? undefined : this.#byAddress.get(guest.address)
    if (!those) return
    those.open -= 1
    if (those.open === 0 && guest.address !== undefined) this.#byAddress.delete(guest.address)
  }
}
