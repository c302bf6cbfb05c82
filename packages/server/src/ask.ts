import { TautlineError } from '@tautline/core'
import type { Deadlines } from '@tautline/core/wire'

/** How long a broker may take for an answer, in ms. */
const ANSWER_MS = 5_000

/**
 * Asks a broker for something. Whatever it does (throw, reject, never settle), there is an answer in time.
 *
 * @param late - takes an answer that came when nobody waited for it any more.
 * @throws {@link TautlineError} `UNAVAILABLE`, or what the broker rejected with on purpose.
 */
export function ask<T>(deadlines: Deadlines, question: () => Promise<T>, late?: (answer: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    let waiting = true
    const deadline = deadlines.add(ANSWER_MS, () => {
      waiting = false
      reject(new TautlineError('UNAVAILABLE', 'the broker does not answer', { mayHaveRun: true }))
    })
    const answered = () => {
      deadlines.delete(deadline)
      const wanted = waiting
      waiting = false
      return wanted
    }
    attempt(question).then(
      answer => {
        if (answered()) resolve(answer)
        else late?.(answer)
      },
      (error: unknown) => {
        if (answered()) reject(unavailable(error))
      },
    )
  })
}

/** A broker that throws is one that rejects. */
async function attempt<T>(question: () => Promise<T>): Promise<T> {
  return question()
}

function unavailable(error: unknown): TautlineError {
  if (error instanceof TautlineError) return error
  return new TautlineError('UNAVAILABLE', 'the broker failed', { mayHaveRun: true, cause: error })
}
