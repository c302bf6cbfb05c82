import { type SubscribeOptions, TautlineError } from '@tautline/core'
import { guard } from './guard.ts'
import type { Sink } from './subscription.ts'
import type { TopicLine } from './topic-line.ts'

/** What a listener and its options get of a subscription. What nobody listens for, `connection.on('error')` is told. */
export function listen(
  line: TopicLine,
  entry: string,
  listener: (message: unknown) => void,
  { onGap, onError, onRetract }: SubscribeOptions,
): Sink {
  const tell = (error: TautlineError) => line.onError(error, { entry })
  return {
    message: message => guard(tell, listener, message),
    retract: key => onRetract && guard(tell, onRetract, key),
    gap: gap => (onGap ? guard(tell, onGap, gap) : tell(new TautlineError('DATA_LOSS'))),
    closed: error => {
      if (error) guard(tell, onError ?? tell, error)
    },
  }
}
