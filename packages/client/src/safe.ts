import { type Answer, type CanonicalCode, TautlineError } from '@tautline/core'

/** How a call ended, as data. */
export type Outcome<Value, Failure> =
  | { readonly ok: true; readonly value: Value; readonly error?: undefined }
  | { readonly ok: false; readonly value?: undefined; readonly error: Failure }

/**
 * Waits for a call without throwing. The error is one that the contract declares, with its data, or one with a
 * canonical code; what is no `TautlineError` becomes an `INTERNAL` that keeps it as `cause`.
 */
export async function safe<Value, Declared extends TautlineError = never>(
  answer: Answer<Value, Declared> | PromiseLike<Value>,
): Promise<Outcome<Value, Declared | TautlineError<CanonicalCode>>> {
  try {
    return { ok: true, value: await answer }
  } catch (error) {
    return { ok: false, error: TautlineError.from(error) as Declared | TautlineError<CanonicalCode> }
  }
}
