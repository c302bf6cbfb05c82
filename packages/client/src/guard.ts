import { TautlineError } from '@tautline/core'

/** Calls a listener of the application: what it throws, or what its promise rejects with, is told and goes no further. */
export function guard<Args extends readonly unknown[]>(
  tell: (error: TautlineError) => void,
  listener: (...args: Args) => unknown,
  ...args: Args
): void {
  try {
    const result = listener(...args)
    if (result instanceof Promise) result.catch(thrown => tell(TautlineError.from(thrown)))
  } catch (thrown) {
    tell(TautlineError.from(thrown))
  }
}
