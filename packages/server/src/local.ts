import type { TautlineError } from '@tautline/core'
import type { Outcome } from '@tautline/core/wire'
import type { Answering } from './run.ts'

type Source = Parameters<Answering['pump']>[0]
type Step = IteratorResult<unknown, undefined>

const END: Step = { done: true, value: undefined }
const NOTHING: AsyncIterator<unknown, undefined, undefined> = { next: async () => END }

/**
 * An exchange with code of this process: nothing is encoded, counted or sent, and an item is made when it is asked for.
 */
export class LocalExchange implements Answering, AsyncIterator<unknown, undefined, undefined> {
  readonly items: AsyncIterator<unknown, undefined, undefined>
  /** What the exchange ends with. Never an unhandled rejection. */
  readonly result: Promise<unknown>
  onOver: (outcome: Outcome) => void = () => undefined
  readonly #resolve: (value: unknown) => void
  readonly #reject: (error: unknown) => void
  #over = false
  #failure: TautlineError | undefined
  #readers: ReturnType<typeof deferred<Step>>[] = []
  #wake: () => void = () => undefined

  /** @param items - what the caller sends up. */
  constructor(items: AsyncIterator<unknown, undefined, undefined> = NOTHING) {
    this.items = items
    const { promise, resolve, reject } = deferred<unknown>()
    this.result = promise
    this.#resolve = resolve
    this.#reject = reject
    promise.catch(() => undefined)
  }

  get over(): boolean {
    return this.#over
  }

  /** The caller takes the next item; rejects once, and then ends, when the exchange failed. */
  next(): Promise<Step> {
    if (this.#over) {
      const failure = this.#failure
      this.#failure = undefined
      return failure ? Promise.reject(failure) : Promise.resolve(END)
    }
    const reader = deferred<Step>()
    this.#readers.push(reader)
    this.#wake()
    return reader.promise
  }

  /** The caller lost interest. */
  cancel(): void {
    if (!this.#over) this.onOver({ kind: 'cancel' })
  }

  async pump(source: Source, check: (item: unknown) => unknown = item => item): Promise<unknown> {
    try {
      for (;;) {
        if (this.#readers.length === 0 && !this.#over) await this.#asked()
        if (this.#over) return leave(source)
        const step = await source.next()
        if (step.done) return step.value
        const item = await check(step.value)
        this.#readers.shift()?.resolve({ done: false, value: item })
      }
    } catch (error) {
      leave(source)
      throw error
    }
  }

  end(value?: unknown): void {
    if (this.#over) return
    this.#resolve(value)
    this.#finish()
    for (const reader of this.#readers.splice(0)) reader.resolve(END)
  }

  fail(error: TautlineError): void {
    if (this.#over) return
    this.#reject(error)
    this.#finish()
    const [first, ...others] = this.#readers.splice(0)
    if (first) first.reject(error)
    else this.#failure = error
    for (const reader of others) reader.resolve(END)
  }

  #finish(): void {
    this.#over = true
    void this.items.return?.()
    this.#wake()
  }

  #asked(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }
}

function leave(source: Source): undefined {
  void source.return?.()
  return undefined
}

function deferred<T>(): {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
} {
  let resolve: (value: T) => void = () => undefined
  let reject: (error: unknown) => void = () => undefined
  const promise = new Promise<T>((settle, refuse) => {
    resolve = settle
    reject = refuse
  })
  return { promise, resolve, reject }
}
