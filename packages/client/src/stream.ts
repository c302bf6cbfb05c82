import { type Source, type StreamEntry, type StreamOptions, TautlineError } from '@tautline/core'
import {
  DEFAULT_WINDOW,
  type Exchange,
  iteratorOf,
  LARGEST_WINDOW,
  leave,
  type Source as Pulled,
} from '@tautline/core/wire'
import * as FrameType from '@tautline/core/wire/frame-type'
import { againOf, begin, encoded, type Line, settle } from './call.ts'
import { refusalOf } from './check.ts'
import type { Request, Settled } from './request.ts'

/** Options of a stream, with items up or without. */
export interface AnyStreamOptions extends StreamOptions {
  readonly up?: Source<unknown> | undefined
}

/** What differs between a stream that is read and one that is awaited. */
export interface Ends {
  /** Whether anything was handed over: then it cannot be called anew. */
  handed(): boolean
  opened(exchange: Exchange): void
  lost(): void
  cancelled(exchange: Exchange): void
  done(outcome: Settled): void
}

const nothing = (): void => undefined

/** Starts a stream without items down, now: it is awaited like a call. */
export function awaitStream(
  line: Line,
  entry: StreamEntry,
  input: unknown,
  options: AnyStreamOptions = {},
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const done = settle(resolve, reject)
    startStream(line, entry, input, options, {
      handed: () => false,
      opened: nothing,
      lost: nothing,
      cancelled: nothing,
      done,
    })
  })
}

/** Begins a stream; items up are pulled once it has left. */
export function startStream(
  line: Line,
  entry: StreamEntry,
  input: unknown,
  options: AnyStreamOptions,
  ends: Ends,
): Request | undefined {
  const { limits } = line.settings
  const window = Math.min(limits.window, LARGEST_WINDOW)
  let source: Pulled | undefined
  const request = begin(line, {
    entry,
    action: 'call',
    input,
    options,
    timeout: options.timeout ?? entry.timeout,
    window,
    prepare() {
      const sent = encoded(entry, entry.input, input, 'input of')
      if (entry.up) source = iteratorOf(options.up)
      return sent
    },
    frame: (id, name, [body], timeoutMs, headers) => [
      FrameType.CALL,
      id,
      name,
      body,
      { timeoutMs, window: entry.down && window !== DEFAULT_WINDOW ? window : undefined, headers },
    ],
    again() {
      const again = ends.handed() || source ? 'nowhere' : againOf(entry, options)
      if (again !== 'nowhere') ends.lost()
      return again
    },
    opened(exchange) {
      ends.opened(exchange)
      if (source) void pump(exchange, source)
    },
    cancelled: ends.cancelled,
    done(outcome) {
      if (source) leave(source)
      ends.done(outcome)
    },
  })

  async function pump(exchange: Exchange, items: Pulled): Promise<void> {
    try {
      await exchange.pump(items, item => encoded(entry, entry.up, item, 'item of')[0])
      exchange.end()
    } catch (thrown) {
      const error = refusalOf(thrown)
      exchange.fail(new TautlineError(error.code, error.message))
      request?.answer({ kind: 'fail', error })
    }
  }

  return request
}
