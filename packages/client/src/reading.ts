import { type Reading, type StreamEntry, TautlineError } from '@tautline/core'
import type { Exchange } from '@tautline/core/wire'
import { type Line, settle } from './call.ts'
import type { Request, Settled } from './request.ts'
import { type AnyStreamOptions, startStream } from './stream.ts'

type Step = IteratorResult<unknown, unknown>

const DONE: Step = { done: true, value: undefined }

/** A stream with items down. It starts with the first `next()`, or with reading `result`. */
export function readStream(
  line: Line,
  entry: StreamEntry,
  input: unknown,
  options: AnyStreamOptions = {},
): Reading<unknown, unknown, never> {
  const reader = new Reader(line, entry, input, options)
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
  readonly #line: Line
  readonly #begin: (reader: Reader) => Request | undefined
  #use: Use = 'unclaimed'
  #request: Request | undefined
  #result: Promise<unknown> | undefined
  #settle: (outcome: Settled) => void = () => undefined
  #exchange: Exchange | undefined
  /** Whoever reads waits for this while there is no exchange: it opens, or there will be none. */
  #turn = turn()
  #handed = false
  #over = false
  #left = false

  constructor(line: Line, entry: StreamEntry, input: unknown, options: AnyStreamOptions) {
    this.#line = line
    this.#begin = reader =>
      startStream(line, entry, input, options, {
        handed: () => reader.#handed,
        opened: exchange => reader.#opened(exchange),
        lost: () => reader.#lost(),
        cancelled: exchange => exchange.items.discard(),
        done: outcome => reader.#done(outcome),
      })
  }

  result(): Promise<unknown> {
    const result = this.#start()
    // At the end of the tick, so that whoever takes the result first may still begin to read.
    if (this.#use === 'unclaimed') this.#line.clock.defer(() => this.#discard())
    return result
  }

  read(): this {
    if (this.#use === 'read') throw new TautlineError('FAILED_PRECONDITION', 'a stream can be read once')
    if (this.#use === 'discarded')
      throw new TautlineError('FAILED_PRECONDITION', 'its items were not wanted, and are gone')
    this.#use = 'read'
    return this
  }

  async next(): Promise<Step> {
    const result = this.#start()
    while (!this.#left) {
      const exchange = this.#exchange
      if (exchange) {
        const step = await exchange.items.next().catch(() => DONE)
        if (!step.done) {
          this.#handed = true
          return step
        }
        if (exchange !== this.#exchange || this.#left) continue
      } else if (!this.#over) {
        await this.#turn.promise
        continue
      }
      this.#left = true
      return { done: true, value: await result }
    }
    return DONE
  }

  return(): Promise<Step> {
    this.#left = true
    this.#request?.cancel('its reader left')
    return Promise.resolve(DONE)
  }

  #start(): Promise<unknown> {
    if (!this.#result) {
      this.#result = new Promise((resolve, reject) => {
        this.#settle = settle(resolve, reject)
      })
      this.#result.catch(() => undefined)
      this.#request = this.#begin(this)
    }
    return this.#result
  }

  #opened(exchange: Exchange): void {
    this.#exchange = exchange
    // An exchange keeps no items before somebody has asked for its queue.
    if (this.#use === 'discarded') exchange.items.discard()
    else void exchange.items
    this.#turn.end()
  }

  #lost(): void {
    this.#exchange = undefined
    this.#turn = turn()
  }

  #done(outcome: Settled): void {
    this.#over = true
    this.#settle(outcome)
    this.#turn.end()
  }

  #discard(): void {
    if (this.#use !== 'unclaimed') return
    this.#use = 'discarded'
    this.#exchange?.items.discard()
  }
}

function turn(): { readonly promise: Promise<void>; end(): void } {
  let end = (): void => undefined
  const promise = new Promise<void>(resolve => {
    end = resolve
  })
  return { promise, end: () => end() }
}
