import { channel, tracingChannel } from 'node:diagnostics_channel'
import type { AnyEntry, CallSession, TautlineError } from '@tautline/core'
import type { Ending } from './endings.ts'
import type { Run } from './run.ts'
import { handleOf, type SessionHandle } from './session-handle.ts'

/**
 * What subscribers of Node's tracing channel `tautline:call` are told of each call, stream, publish and admission whose
 * input has arrived: `start` before it is parsed, `asyncEnd` when its handler and all interceptors have settled. What
 * never gets that far (an entry that is not there, too much in flight) is counted by `server.stats()` alone.
 */
export interface CallTrace {
  readonly action: 'call' | 'publish' | 'subscribe'
  /** With its `path`, `kind` and `meta`. */
  readonly entry: AnyEntry
  readonly session: CallSession
  /** What the caller sent as `headers`, such as `traceparent`. */
  readonly headers: Readonly<Record<string, string>>
  /** What the caller was told before the handler had settled: it cancelled, or was too late, or is gone. */
  readonly stopped: TautlineError | undefined
  /** What was answered; set before `asyncEnd`. */
  result?: unknown
  /** What was thrown, as it was thrown; set before `error`. */
  error?: unknown
}

/** What subscribers of the channels `tautline:session:begin` and `tautline:session:end` are told. */
export interface SessionTrace {
  readonly session: SessionHandle
  /** The close code that it ended with, and why; only when it ended. */
  readonly code?: number
  readonly reason?: string
}

const calls = tracingChannel<object, CallTrace>('tautline:call')
const begins = channel('tautline:session:begin')
const ends = channel('tautline:session:end')

/** Whether anybody wants to know of calls. Asked before anything is made for them. */
export function hearsCalls(): boolean {
  return calls.hasSubscribers
}

/** Has `ask` answer a run where whoever hears of calls can follow it, also by `AsyncLocalStorage`. */
export function traced(run: Run, ask: () => unknown): Promise<unknown> {
  const { action, session, headers } = run
  const trace: CallTrace = {
    action,
    entry: run.route.entry,
    session,
    headers,
    get stopped() {
      return run.stopped
    },
  }
  return calls.tracePromise(async () => ask(), trace)
}

/** A session is there. */
export function sessionBegan(session: SessionHandle): void {
  if (begins.hasSubscribers) begins.publish({ session: handleOf(session) } satisfies SessionTrace)
}

/** A session is over. */
export function sessionEnded(session: SessionHandle, { code, reason }: Ending): void {
  if (ends.hasSubscribers) ends.publish({ session: handleOf(session), code, reason } satisfies SessionTrace)
}
