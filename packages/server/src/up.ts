import { type Part, parse, TautlineError } from '@tautline/core'
import type { Run } from './run.ts'

/**
 * The items that a client sends, as the handler reads them: each one parsed, and taken from the client only as fast as
 * they are read. A handler that leaves its loop takes no more.
 */
export class Up implements AsyncIterableIterator<unknown, undefined, undefined> {
  readonly #run: Run
  readonly #items: AsyncIterator<unknown, undefined, undefined>
  readonly #schema: Part

  /** Made in the tick of the call: items that come before that are dropped. */
  constructor(run: Run, schema: Part) {
    this.#run = run
    this.#items = run.answer.items
    this.#schema = schema
  }

  async next(): Promise<IteratorResult<unknown, undefined>> {
    const step = await this.#take()
    if (step.done) return step
    return { done: false, value: await parse(this.#schema, step.value, 'an item up', this.#run.route.entry.path) }
  }

  async return(): Promise<IteratorResult<unknown, undefined>> {
    await this.#items.return?.()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** What a client says of its source's failure is for people: its code would speak for the handler. */
  async #take(): Promise<IteratorResult<unknown, undefined>> {
    try {
      return await this.#items.next()
    } catch (cause) {
      throw this.#run.stopped ?? new TautlineError('CANCELLED', 'the source of the items up failed', { cause })
    }
  }
}
