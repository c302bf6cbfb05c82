import { type Part, parse } from '@tautline/core'

/**
 * The items that a client sends, as the handler reads them: each one parsed, and taken from the client only as fast as
 * they are read. A handler that leaves its loop takes no more.
 */
export class Up implements AsyncIterableIterator<unknown, undefined, undefined> {
  readonly #items: AsyncIterator<unknown, undefined, undefined>
  readonly #schema: Part
  readonly #what: string

  constructor(items: AsyncIterator<unknown, undefined, undefined>, schema: Part, path: string) {
    this.#items = items
    this.#schema = schema
    this.#what = `an item of ${path}`
  }

  async next(): Promise<IteratorResult<unknown, undefined>> {
    const step = await this.#items.next()
    if (step.done) return step
    return { done: false, value: await parse(this.#schema, step.value, this.#what) }
  }

  async return(): Promise<IteratorResult<unknown, undefined>> {
    await this.#items.return?.()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
