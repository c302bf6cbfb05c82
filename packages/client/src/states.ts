import type { CanonicalCode } from '@tautline/core'
import * as CloseCode from '@tautline/core/wire/close-code'

/** Where a connection stands, as the application sees it. */
export interface ConnectionState {
  /**
   * `idle` before anything has needed it; `connecting` while it dials; `online`; `waiting` until it tries again;
   * `closed` by `close()`, or by a server that says that trying again is useless.
   */
  readonly status: 'idle' | 'connecting' | 'online' | 'waiting' | 'closed'
  /** Why it is not online: `'offline'` when the platform knows of no network, else what ended the last connection. */
  readonly reason?: string
  /** When it tries again, in ms since the epoch; only while `waiting`. */
  readonly retryAt?: number
}

/** The same, with what is legal in each: whoever leaves a state ends what belongs to it. */
export type State =
  | { readonly status: 'idle' }
  | { readonly status: 'connecting'; readonly reason?: string | undefined; readonly hangUp: () => void }
  | { readonly status: 'online'; readonly since: number }
  | { readonly status: 'waiting'; readonly reason: string; readonly retryAt: number; readonly deadline: unknown }
  | { readonly status: 'closed'; readonly reason: string; readonly code: CanonicalCode }

/** What the application is shown of a state. */
export function shown(state: State): ConnectionState {
  return Object.freeze({
    status: state.status,
    ...('reason' in state && state.reason !== undefined && { reason: state.reason }),
    ...('retryAt' in state && { retryAt: state.retryAt }),
  })
}

/** What calls fail with when a server has closed for good, by its close code. */
export function codeOfStop(code: number): CanonicalCode {
  if (code === CloseCode.UNAUTHENTICATED) return 'UNAUTHENTICATED'
  if (code === CloseCode.PERMISSION_DENIED) return 'PERMISSION_DENIED'
  return 'UNAVAILABLE'
}
