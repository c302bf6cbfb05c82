import { TautlineError } from '@tautline/core'

/** With these the engine says that it did nothing, or the client that it sent nothing. */
const REFUSALS =
  /enableOfflineQueue options is false$|^(OOM|READONLY|LOADING|MISCONF|NOSCRIPT|MOVED|ASK|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|NOPERM|NOAUTH|WRONGPASS|BUSY)\b/

/** Nothing was sent. */
export function notSent(why: string, cause?: unknown): TautlineError {
  return new TautlineError('UNAVAILABLE', why, { mayHaveRun: false, ...(cause === undefined ? {} : { cause }) })
}

/** What was sent failed: whether it may have been done depends on what the engine says, if it says anything. */
export function failed(cause: unknown): TautlineError {
  const refused = cause instanceof Error && REFUSALS.test(cause.message)
  return new TautlineError('UNAVAILABLE', 'Redis did not do it', { mayHaveRun: !refused, cause })
}

/** For what fails and is told of elsewhere: by a connection's end, or by the next that is asked. */
export function ignore(): void {}
