import type { Failures } from './failures.ts'
import type { Run } from './run.ts'

/** The items that a stream's handler makes, one at a time. A slot is held until the handler has also cleaned up. */
export class Pulled implements AsyncIterator<unknown, unknown, undefined> {
  readonly #items: AsyncIterator<unknown, unknown, undefined>
  readonly #run: Run
  readonly #failures: Failures

  /** @throws when the handler made nothing that can be iterated. */
  constructor(made: unknown, run: Run, failures: Failures) {
    if (!isAsyncIterable(made)) {
      throw new TypeError(
        `the handler of '${run.route.entry.path}' must return an async iterable, such as a generator's`,
      )
    }
    this.#items = made[Symbol.asyncIterator]()
    this.#run = run
    this.#failures = failures
  }

  next(): Promise<IteratorResult<unknown, unknown>> {
    return this.#items.next()
  }

  /** Nobody reads on. Answers at once: the handler's `finally` may take its time. */
  async return(): Promise<IteratorResult<unknown, unknown>> {
    this.#run.hold()
    void this.#leave()
    return { done: true, value: undefined }
  }

  async #leave(): Promise<void> {
    try {
      await this.#items.return?.()
    } catch (thrown) {
      this.#failures.late(thrown, this.#run.route.entry.path)
    } finally {
      this.#run.settled()
    }
  }
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown, unknown, undefined> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
