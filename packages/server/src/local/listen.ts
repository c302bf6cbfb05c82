import { type SubscribeOptions, TautlineError } from '@tautline/core'
import type { Failures } from '../failures.ts'
import { guard } from '../guard.ts'
import type { Sink } from './subscription.ts'

/** What a listener and its options get of a subscription. What nobody listens for, `onError` is told. */
export function listen(
  failures: Failures,
  path: string,
  listener: (message: unknown) => unknown,
  { onGap, onError, onRetract }: SubscribeOptions = {},
): Omit<Sink, 'arrived'> {
  const tell = (error: TautlineError) => failures.report(error, path)
  return {
    message: message => guard(failures, path, () => listener(message)),
    retract: key => guard(failures, path, () => onRetract?.(key)),
    gap: gap => (onGap ? guard(failures, path, () => onGap(gap)) : void tell(new TautlineError('DATA_LOSS'))),
    live: () => undefined,
    closed: error => error && guard(failures, path, () => (onError ? onError(error) : tell(error))),
  }
}
