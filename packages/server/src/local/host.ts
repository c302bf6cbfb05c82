import type { TautlineError } from '@tautline/core'
import type { Clock, Deadlines } from '@tautline/core/wire'
import type { Dispatcher } from '../dispatch.ts'
import type { Failures } from '../failures.ts'
import type { Hub } from '../hub.ts'
import type { ServerLimits } from '../limits.ts'

/** What callers in this process use of a server. */
export interface Host {
  readonly dispatcher: Dispatcher
  readonly hub: Hub
  readonly failures: Failures
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly limits: ServerLimits
  /** Subscriptions that have not ended. */
  readonly subscriptions: Set<{ end(error: TautlineError): void }>
}
