import { networkOf } from './network.ts'

/** An open socket, as the crowd counts it. */
export interface Guest {
  readonly address: string | undefined
  known: boolean
}

/** One in so many places among those whom nobody knows is kept free while all come from one address. */
const FREE = 16

/** Open sockets by address, and how many of them nobody knows yet. */
export class Crowd {
  readonly #most: number
  readonly #mostAlone: number
  readonly #byAddress = new Map<string, { open: number; unknown: number }>()

  /**
   * @param most - sockets per address that nobody knows yet; of IPv6 per /64.
   * @param mostInAll - sockets of all addresses that nobody knows yet.
   */
  constructor(most: number, mostInAll: number) {
    this.#most = most
    this.#mostAlone = mostInAll - Math.floor(mostInAll / FREE)
  }

  /** How many addresses have open sockets. */
  get size(): number {
    return this.#byAddress.size
  }

  /**
   * Whether one more may come from that address. While all sockets have one address, it may be that of a proxy nobody
   * told us of; or it is somebody who waits for others to be kept out, and leaves room for them.
   */
  mayEnter(address: string | undefined): boolean {
    const network = networkOf(address)
    const those = network === undefined ? undefined : this.#byAddress.get(network)
    if (!those || those.unknown < this.#most) return true
    return this.#byAddress.size === 1 && those.unknown < this.#mostAlone
  }

  /** A socket opens. To be called once for each, and {@link Crowd.leave} when it is gone. */
  enter(from: string | undefined): Guest {
    const address = networkOf(from)
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
