import { TautlineError, type TautlineErrorOptions } from '@tautline/core'

/**
 * An error for a client that asks for too much, or for what is not there. It has no stack: to refuse must cost less than
 * to ask, and looking for one costs more than all the rest.
 */
export function refusal(code: string, message?: string, options?: TautlineErrorOptions): TautlineError {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return new TautlineError(code, message, options)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}
