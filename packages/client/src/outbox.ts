import type { Request } from './request.ts'

/** Requests that wait for a connection, or for their turn on it, in order; so many, and so many bytes of them. */
export class Outbox {
  readonly #most: number
  readonly #mostBytes: number
  #requests = new Set<Request>()
  #bytes = 0

  constructor(most: number, mostBytes: number) {
    this.#most = most
    this.#mostBytes = mostBytes
  }

  get size(): number {
    return this.#requests.size
  }

  /** Takes a request in; `false` when there is no room for it. */
  add(request: Request): boolean {
    if (this.#requests.size >= this.#most || this.#bytes + request.size > this.#mostBytes) return false
    this.#requests.add(request)
    this.#bytes += request.size
    return true
  }

  /** Puts requests that were on their way before all others. They have their place: what was in flight had a limit. */
  putBack(requests: readonly Request[]): void {
    this.#requests = new Set([...requests, ...this.#requests])
    for (const { size } of requests) this.#bytes += size
  }

  delete(request: Request): void {
    if (this.#requests.delete(request)) this.#bytes -= request.size
  }

  /** In their order; whoever is sent is to be deleted first. */
  [Symbol.iterator](): Iterator<Request> {
    return this.#requests.values()
  }
}
