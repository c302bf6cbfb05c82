import { TautlineError } from '@tautline/core'
import type { ClientLimits } from './options.ts'
import type { Sink, Subscription } from './subscription.ts'

type Step = IteratorResult<unknown, undefined>
type Waiting = { readonly resolve: (step: Step) => void; readonly reject: (error: TautlineError) => void }

/**
 * A subscription read as a loop. What has arrived and is not yet read waits here, within `queueMessages` and
 * `queueBytes`; when they are reached, nothing more is taken from the server until half of it is read. Of the messages
 * of one key only the newest waits. Subscribes with the first `next()`.
 */
export class Messages implements AsyncIterableIterator<unknown, undefined, undefined>, Sink {
  readonly #limits: ClientLimits
  readonly #subscribe: (sink: Sink) => Subscription
  readonly #queue = new Map<string | number, { readonly message: unknown; readonly size: number }>()
  readonly #waiting: Waiting[] = []
  #subscription: Subscription | undefined
  #bytes = 0
  #count = 0
  #over = false
  #error: TautlineError | undefined

  constructor(limits: ClientLimits, subscribe: (sink: Sink) => Subscription) {
    this.#limits = limits
    this.#subscribe = subscribe
  }

  next(): Promise<Step> {
    if (!this.#over) this.#subscription ??= this.#subscribe(this)
    for (const [key, { message }] of this.#queue) {
      this.#forget(key)
      if (!this.#reached(2)) this.#subscription?.room()
      return Promise.resolve({ done: false, value: message })
    }
    if (!this.#over) return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
    const error = this.#error
    this.#error = undefined
    return error ? Promise.reject(error) : Promise.resolve(DONE)
  }

  return(): Promise<Step> {
    this.#subscription?.close()
    this.closed(undefined)
    return Promise.resolve(DONE)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  message(message: unknown, key: string | undefined, size: number): void {
    const reader = this.#waiting.shift()
    if (reader) return reader.resolve({ done: false, value: message })
    if (key !== undefined) this.#forget(key)
    this.#queue.set(key ?? this.#count++, { message, size })
    this.#bytes += size
  }

  retract(key: string): void {
    this.#forget(key)
  }

  /** What arrived before it is still read. */
  gap(): void {
    this.#subscription?.end(new TautlineError('DATA_LOSS'))
  }

  /** Against the application's will what has arrived is still read, then `error` is thrown. */
  closed(error: TautlineError | undefined): void {
    this.#over = true
    this.#error = error
    if (!error) this.#queue.clear()
    for (const reader of this.#waiting.splice(0)) {
      if (this.#error) reader.reject(this.#error)
      else reader.resolve(DONE)
      this.#error = undefined
    }
  }

  full(): boolean {
    return this.#reached(1)
  }

  /** Whether what waits reaches that part of what may wait. */
  #reached(part: 1 | 2): boolean {
    const { queueMessages, queueBytes } = this.#limits
    return this.#queue.size * part >= queueMessages || this.#bytes * part >= queueBytes
  }

  #forget(key: string | number): void {
    this.#bytes -= this.#queue.get(key)?.size ?? 0
    this.#queue.delete(key)
  }
}

const DONE: Step = { done: true, value: undefined }
