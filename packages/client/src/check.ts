import { type AnyEntry, type Part, TautlineError } from '@tautline/core'
import { EncodeError } from '@tautline/core/wire'

/**
 * Validates what is about to be sent, where the contract is at hand; an outline leaves it to the server. It is sent as given: what the server's own parse
 * makes of it is what handlers see. A schema that answers asynchronously is left to the server.
 *
 * @throws {@link TautlineError} `INVALID_ARGUMENT`
 */
export function check(entry: AnyEntry, part: Part | undefined, value: unknown, what: string): void {
  const parsed = entry['~parse']?.(part, value, `${what} ${entry.path}`)
  if (parsed instanceof Promise) parsed.catch(() => undefined)
}

/** Why something could not even be sent. */
export function refusalOf(thrown: unknown): TautlineError {
  if (!(thrown instanceof EncodeError)) return TautlineError.from(thrown)
  return new TautlineError('INVALID_ARGUMENT', thrown.message, { cause: thrown })
}
