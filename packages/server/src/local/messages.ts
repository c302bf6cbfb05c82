import { TautlineError } from '@tautline/core'
import { type Deferred, deferred } from './deferred.ts'
import type { LocalSubscription, Sink } from './subscription.ts'

type Step = IteratorResult<unknown, undefined>

const DONE: Step = { done: true, value: undefined }

/** A subscription of this process read as a loop: what is not yet read waits in its inbox. Begins with the first `next()`. */
export class LocalMessages implements AsyncIterableIterator<unknown, undefined, undefined>, Sink {
  readonly #subscribe: (sink: Sink) => LocalSubscription
  readonly #waiting: Deferred<Step>[] = []
  #subscription: LocalSubscription | undefined
  #over = false
  #error: TautlineError | undefined

  constructor(subscribe: (sink: Sink) => LocalSubscription) {
    this.#subscribe = subscribe
  }

  next(): Promise<Step> {
    const reader = deferred<Step>()
    this.#waiting.push(reader)
    if (this.#over) this.#settle()
    else {
      this.#subscription ??= this.#subscribe(this)
      this.arrived()
    }
    return reader.promise
  }

  async return(): Promise<Step> {
    this.#over = true
    this.#subscription?.close()
    this.#settle()
    return DONE
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  arrived(): void {
    while (this.#waiting.length > 0 && this.#subscription?.step());
  }

  message(message: unknown): void {
    this.#waiting.shift()?.resolve({ done: false, value: message })
  }

  retract(): void {}

  live(): void {}

  gap(): void {
    this.#subscription?.end(new TautlineError('DATA_LOSS'))
  }

  closed(error: TautlineError | undefined): void {
    this.#over = true
    this.#error = error
    this.#settle()
  }

  /** The error once, to whoever reads first; then the end. */
  #settle(): void {
    for (const reader of this.#waiting.splice(0)) {
      if (this.#error) reader.reject(this.#error)
      else reader.resolve(DONE)
      this.#error = undefined
    }
  }
}
