import type { AnyEntry, Call, CallSession, Intercepted, Publisher, RaiseCanonical } from '@tautline/core'
import { TautlineError } from '@tautline/core'
import type { Run } from './run.ts'

/** What handlers and interceptors see of a {@link Run}. Members work on their own, as `{ error, publish }` takes them. */
export class HandlerCall implements Intercepted {
  readonly #run: Run
  readonly context: unknown
  /** The items that the client sends; with streams that take some. */
  readonly up: AsyncIterable<unknown> | undefined

  constructor(run: Run, context: unknown, up?: AsyncIterable<unknown>) {
    this.#run = run
    this.context = context
    this.up = up
  }

  /** The same call with another context. */
  static withContext(call: HandlerCall, context: unknown): HandlerCall {
    return new HandlerCall(call.#run, context, call.up)
  }

  get entry(): AnyEntry {
    return this.#run.route.entry
  }

  get action(): 'call' | 'subscribe' | 'publish' {
    return this.#run.action
  }

  get input(): unknown {
    return this.#run.input
  }

  get signal(): AbortSignal {
    return this.#run.signal
  }

  get deadline(): number | undefined {
    return this.#run.deadline
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#run.headers
  }

  get session(): CallSession {
    return this.#run.caller.session
  }

  get error(): RaiseCanonical {
    return raise.bind(undefined, this.entry)
  }

  get publish(): Publisher['publish'] {
    const { topics } = this.#run
    return (topic, params, message, options) => topics.publish(topic, params, message, { key: options?.idempotencyKey })
  }

  get retract(): Publisher['retract'] {
    const { topics } = this.#run
    return (topic, params, key) => topics.retract(topic, params, key)
  }
}

/** A call with another context, also for a call that a test made by hand. */
export function withContext<Context>(call: Call, context: Context): Call<Context> {
  if (call instanceof HandlerCall) return HandlerCall.withContext(call, context) as Call<Context>
  return { ...call, context }
}

/** `call.error`: (code, data, message, options) for a code that is declared with data, else (code, message, options). */
function raise(entry: AnyEntry, code: string, ...details: readonly unknown[]): TautlineError<never> {
  const [data, message, options] = declaresData(entry, code) ? details : [undefined, ...details]
  return new TautlineError(code, message as string | undefined, {
    ...(options as ErrorOptions | undefined),
    data,
  }) as TautlineError<never>
}

function declaresData(entry: AnyEntry, code: string): boolean {
  const errors = entry.kind === 'topic' ? undefined : entry.errors
  return errors !== undefined && Object.hasOwn(errors, code) && errors[code] !== null
}
