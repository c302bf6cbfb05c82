import type { Source as Given } from '../client-types.ts'
import { TautlineError } from '../errors.ts'

/** Something that items are pulled from, one at a time, when there is room for one. */
export type Source = Iterator<unknown, unknown, undefined> | AsyncIterator<unknown, unknown, undefined>

/**
 * The iterator behind whatever `up` was given.
 *
 * @throws {TautlineError} `INVALID_ARGUMENT` when it is nothing that items come from
 */
export function iteratorOf(up: Given<unknown> | undefined): Source {
  if (up && typeof up === 'object') {
    if (Symbol.asyncIterator in up) return up[Symbol.asyncIterator]()
    if (Symbol.iterator in up) return up[Symbol.iterator]()
    if ('getReader' in up) return readerOf(up.getReader())
  }
  throw new TautlineError('INVALID_ARGUMENT', 'up takes an iterable, an async iterable or a ReadableStream')
}

/** Not every browser can iterate a `ReadableStream`. */
function readerOf(reader: ReturnType<Extract<Given<unknown>, { getReader: unknown }>['getReader']>): Source {
  return {
    async next() {
      const step = await reader.read()
      return step.done ? { done: true, value: undefined } : { done: false, value: step.value }
    },
    async return() {
      await reader.cancel()
      return { done: true, value: undefined }
    },
  }
}

/**
 * Tells a source to stop. Not awaited: a generator's `return()` waits for a `next()` that may never settle, and its own
 * failure is nobody's.
 */
export function leave(source: Source): undefined {
  try {
    Promise.resolve(source.return?.()).catch(() => undefined)
  } catch {
    // A source that throws while it is told to stop has nothing left to say.
  }
  return undefined
}
