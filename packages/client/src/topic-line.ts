import type { PublishOptions, TopicEntry } from '@tautline/core'
import type { Clock, Subscribe, Unsubscribe } from '@tautline/core/wire'
import type { ClientInterceptor } from './interceptors.ts'
import type { ClientLimits, Report } from './options.ts'

/** What topics need of the connection that carries them. */
export interface TopicLine {
  /**
   * Dials if the connection is idle.
   *
   * @throws {@link TautlineError} when the connection is closed, so that nothing would ever come.
   */
  open(): void
  /** Sends a frame with what else leaves in this tick; only called between `attached()` and `detached()`. */
  send(frame: Subscribe | Unsubscribe): void
  /**
   * Publishes in an exchange, as a call is made; `params` and `message` are checked by then. Resolves with the value of
   * END, a position as it is on the wire. A volatile one is only handed over while `writable`; when its socket goes it
   * resolves with `undefined` and is replayed as CANCEL.
   */
  publish(entry: TopicEntry, params: unknown, message: unknown, options: PublishOptions): Promise<unknown>
  /** Whether a socket is there and so little is unsent on it that a volatile message leaves at once. */
  readonly writable: boolean
  readonly limits: ClientLimits
  /** What wraps subscriptions; publishes are wrapped as they are made. */
  readonly interceptors: readonly ClientInterceptor[]
  readonly clock: Clock
  /** A number from 0 to 1, for back-off. */
  readonly random: () => number
  /** Tells `connection.on('error')`: a gap or a refusal that nobody listens for, a listener that throws. */
  readonly onError: Report
}
