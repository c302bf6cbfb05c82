import { type Reading, TautlineError } from '@tautline/core'
import type { Clock } from '@tautline/core/wire'
import type { LocalExchange } from './exchange.ts'

type Step = IteratorResult<unknown, unknown>

const DONE: Step = { done: true, value: undefined }

/** A stream with items down. It starts with the first `next()`, or with reading `result`. */
export function readingOf(start: () => LocalExchange, clock: Clock): Reading<unknown, unknown, never> {
  const reader = new Reader(start, clock)
  return {
    get result() {
      return reader.result()
    },
    [Symbol.asyncIterator]: () => reader.read(),
  }
}

/** Who has the items: nobody yet, a loop, or nobody because only the result was asked for. */
type Use = 'unclaimed' | 'read' | 'discarded'

class Reader implements AsyncIterator<unknown, unknown, undefined> {
  readonly #start: () => LocalExchange
  readonly #clock: Clock
  #exchange: LocalExchange | undefined
  #use: Use = 'unclaimed'
  #left = false

  constructor(start: () => LocalExchange, clock: Clock) {
    this.#start = start
    this.#clock = clock
  }

  result(): Promise<unknown> {
    const { result } = this.#begin()
    // At the end of the tick, so that whoever takes the result first may still begin to read.
    if (this.#use === 'unclaimed') this.#clock.defer(() => void this.#discard())
    return result
  }

  read(): this {
    if (this.#use === 'read') throw new TautlineError('FAILED_PRECONDITION', 'a stream can be read once')
    if (this.#use === 'discarded') {
      throw new TautlineError('FAILED_PRECONDITION', 'its items were not wanted, and are gone')
    }
    this.#use = 'read'
    return this
  }

  async next(): Promise<Step> {
    if (this.#left) return DONE
    const exchange = this.#begin()
    const step = await exchange.next()
    if (!step.done) return step
    if (this.#left) return DONE
    this.#left = true
    return { done: true, value: await exchange.result }
  }

  async return(): Promise<Step> {
    this.#left = true
    this.#exchange?.cancel()
    return DONE
  }

  #begin(): LocalExchange {
    this.#exchange ??= this.#start()
    return this.#exchange
  }

  async #discard(): Promise<void> {
    if (this.#use !== 'unclaimed') return
    this.#use = 'discarded'
    const exchange = this.#begin()
    for (let step = await exchange.next(); !step.done; ) step = await exchange.next()
  }
}
