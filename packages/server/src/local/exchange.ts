import { TautlineError } from '@tautline/core'
import { type ExchangeOwner, leave, type Source } from '@tautline/core/wire'
import type { Answering } from '../run.ts'
import { type Deferred, deferred } from './deferred.ts'

type Step = IteratorResult<unknown, undefined>

const END: Step = { done: true, value: undefined }
const NOTHING: Source = { next: () => END }
const NOBODY: ExchangeOwner = { ended: () => undefined }

/**
 * An exchange with code of this process: nothing is encoded, counted or sent, and an item is made when it is asked for.
 */
export class LocalExchange implements Answering {
  /** What the exchange ends with. Never an unhandled rejection. */
  readonly result: Promise<unknown>
  /** The items that the caller sends, taken from their source as the handler reads. */
  readonly items: AsyncIterator<unknown, undefined, undefined>
  owner: ExchangeOwner = NOBODY
  readonly #source: Source
  readonly #settle = deferred<unknown>()
  readonly #readers: Deferred<Step>[] = []
  readonly #takers = new Set<Deferred<Step>>()
  #over = false
  #left = false
  /** Of the pump: somebody wants an item, or nobody ever will. */
  #wake = (): void => undefined

  /** @param source - what the caller sends up. */
  constructor(source: Source = NOTHING) {
    this.#source = source
    this.items = { next: () => this.#take(), return: () => this.#leaveSource() }
    this.result = this.#settle.promise
    this.result.catch(() => undefined)
  }

  get over(): boolean {
    return this.#over
  }

  /** The next item that the handler makes; done when there are no more, also when it failed: that is for `result`. */
  next(): Promise<Step> {
    if (this.#over) return Promise.resolve(END)
    const reader = deferred<Step>()
    this.#readers.push(reader)
    this.#wake()
    return reader.promise
  }

  /** The caller lost interest. */
  cancel(): void {
    if (!this.#over) this.owner.ended({ kind: 'cancel' })
  }

  /** The caller ends it for a reason of its own. */
  abort(error: TautlineError): void {
    if (!this.#over) this.owner.ended({ kind: 'fail', error })
  }

  async pump(source: Source, check: (item: unknown) => unknown = item => item): Promise<unknown> {
    try {
      for (;;) {
        while (this.#readers.length === 0 && !this.#over) await this.#woken()
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
    this.#settle.resolve(value)
    this.#finish(taker => taker.resolve(END))
  }

  fail(error: TautlineError): void {
    if (this.#over) return
    this.#settle.reject(error)
    this.#finish(taker => taker.reject(error))
  }

  /** Whoever waits for anything waits no more, whatever source or handler are doing. */
  #finish(settle: (taker: Deferred<Step>) => void): void {
    this.#over = true
    for (const reader of this.#readers.splice(0)) reader.resolve(END)
    for (const taker of this.#takers) settle(taker)
    this.#takers.clear()
    this.#wake()
    void this.#leaveSource()
  }

  #take(): Promise<Step> {
    if (this.#over || this.#left) return Promise.resolve(END)
    const taker = deferred<Step>()
    this.#takers.add(taker)
    void this.#feed(taker)
    return taker.promise
  }

  /** A source that fails is the caller's own trouble: so the exchange ends with that. */
  async #feed(taker: Deferred<Step>): Promise<void> {
    try {
      const step = await this.#source.next()
      this.#takers.delete(taker)
      taker.resolve(step.done ? END : step)
    } catch (thrown) {
      this.abort(TautlineError.from(thrown))
    }
  }

  async #leaveSource(): Promise<Step> {
    if (!this.#left) {
      this.#left = true
      leave(this.#source)
    }
    return END
  }

  #woken(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }
}
