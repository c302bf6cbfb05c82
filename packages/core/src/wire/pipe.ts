import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import type { Socket, SocketEvents } from './socket.ts'

/**
 * Two sockets in memory, each the other's far end: for tests, and for a client and a server in one process.
 * What one sends, the other receives at the end of the tick.
 */
export function pipe(clock: Clock = systemClock): [Socket, Socket] {
  const left = new PipeEnd(clock)
  const right = new PipeEnd(clock)
  left.far = right
  right.far = left
  return [left, right]
}

type Delivery = { readonly message: Uint8Array } | { readonly code: number; readonly reason: string }

class PipeEnd implements Socket {
  far: PipeEnd | undefined
  bufferedAmount = 0
  readonly #clock: Clock
  readonly #inbox: Delivery[] = []
  #events: SocketEvents | undefined
  #state: 'open' | 'closing' | 'closed' = 'open'
  #paused = false
  #scheduled = false
  #opened = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  send(message: Uint8Array): void {
    if (this.#state !== 'open') return
    this.bufferedAmount += message.length
    this.far?.deliver({ message: message.slice() })
  }

  close(code: number, reason: string): void {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.far?.deliver({ code, reason })
    this.deliver({ code, reason })
  }

  abandon(): void {
    if (this.#state === 'closed') return
    const far = this.far
    this.#finish(1006, '')
    far?.deliver({ code: 1006, reason: '' })
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#schedule()
  }

  listen(events: SocketEvents): void {
    this.#events = events
    this.#schedule()
  }

  deliver(delivery: Delivery): void {
    if (this.#state === 'closed') return
    this.#inbox.push(delivery)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled || this.#paused || !this.#events) return
    if (this.#opened && this.#inbox.length === 0) return
    this.#scheduled = true
    this.#clock.defer(this.#drain)
  }

  readonly #drain = (): void => {
    this.#scheduled = false
    if (!this.#opened) {
      this.#opened = true
      this.#events?.open?.()
    }
    while (!this.#paused && this.#events) {
      const delivery = this.#inbox.shift()
      if (!delivery) return
      if ('code' in delivery) this.#finish(delivery.code, delivery.reason)
      else this.#receive(delivery.message)
    }
  }

  #receive(message: Uint8Array): void {
    this.far?.written(message.length)
    if (this.#state === 'open') this.#events?.message(message, true)
  }

  written(bytes: number): void {
    this.bufferedAmount -= bytes
    this.#events?.drain()
  }

  #finish(code: number, reason: string): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#inbox.length = 0
    this.bufferedAmount = 0
    const events = this.#events
    this.#events = undefined
    events?.close(code, reason)
  }
}
