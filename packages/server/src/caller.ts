import { type Api, type Handlers, type Interceptor, mapEntries, TautlineError } from '@tautline/core'
import { type Clock, Deadlines, systemClock } from '@tautline/core/wire'
import { nanoid } from 'nanoid'
import type { Broker } from './broker.ts'
import { Dispatcher } from './dispatch.ts'
import { Failures, type OnError } from './failures.ts'
import { guardedBroker } from './guarded-broker.ts'
import { routesOf } from './handlers.ts'
import { Hub } from './hub.ts'
import { InFlight } from './inflight.ts'
import { limitsOf } from './limits.ts'
import { type AnyStreamOptions, call, start } from './local/call.ts'
import { channelFor } from './local/channel.ts'
import type { Host } from './local/host.ts'
import { readingOf } from './local/reading.ts'
import { memory } from './memory.ts'
import { Outcomes } from './outcomes.ts'
import type { Caller } from './run.ts'

/** Who code of this process calls as. */
export interface CallerOptions {
  /** What handlers read as `call.session.identity`. */
  readonly identity?: string | undefined
}

/** Calls a server's handlers from its own process: for server-side rendering and jobs. */
export class Callers {
  readonly #contract: object
  readonly #host: Host

  constructor(contract: object, host: Omit<Host, 'subscriptions'>) {
    this.#contract = contract
    this.#host = { ...host, subscriptions: new Set() }
  }

  /** What a client calls, answered in this process: the same handlers, validated and intercepted. */
  caller<T>(context: unknown, { identity }: CallerOptions = {}): Api<T> {
    const caller: Caller = {
      context,
      session: { id: nanoid(), identity, address: undefined },
      inflight: new InFlight({ calls: Number.POSITIVE_INFINITY, callBytes: Number.POSITIVE_INFINITY }),
      local: true,
    }
    return apiOf(this.#contract, this.#host, caller) as Api<T>
  }

  /** Ends all subscriptions. */
  close(): void {
    for (const subscription of [...this.#host.subscriptions]) {
      subscription.end(new TautlineError('UNAVAILABLE', 'the server is closed'))
    }
  }
}

/** How a caller for tests is made: see {@link createCaller}. */
export interface CreateCallerOptions<T, Context> extends CallerOptions {
  readonly handlers: Handlers<T, NoInfer<Context>>
  /** What handlers read as `call.context`. */
  readonly context: Context
  /** Where published messages go; `memory()` unless told otherwise. */
  readonly broker?: Broker | undefined
  readonly interceptors?: readonly Interceptor<NoInfer<Context>>[] | undefined
  readonly validate?: { readonly output?: boolean | undefined } | undefined
  /** Told of what handlers throw and no caller may see. Callers in this process have it as the error's `cause` anyway. */
  readonly onError?: OnError | undefined
  readonly clock?: Clock | undefined
}

/**
 * Calls handlers in this process without any server: for unit tests. What is called, read and subscribed to looks as it
 * does on a client, is validated and intercepted as on a server, and needs no closing.
 *
 * @throws `TypeError` naming every handler that is missing or unknown.
 */
export function createCaller<T, Context>(contract: T, options: CreateCallerOptions<T, Context>): Api<T> {
  const { context, handlers, identity, interceptors = [], validate, onError = ignore, clock = quietClock } = options
  const routes = routesOf(contract as object, handlers)
  const limits = limitsOf()
  const failures = new Failures(onError)
  const deadlines = new Deadlines(clock, 50)
  const broker = guardedBroker(options.broker ?? memory({ clock }), { clock, deadlines, failures })
  const hub = new Hub({ broker, clock, deadlines, limits })
  const dispatcher = new Dispatcher({
    routes,
    interceptors: interceptors as readonly Interceptor<unknown>[],
    validateOutput: validate?.output ?? true,
    failures,
    clock,
    deadlines,
    limits,
    topics: hub,
    outcomes: new Outcomes(clock),
  })
  const callers = new Callers(contract as object, { dispatcher, hub, failures, clock, deadlines, limits })
  return callers.caller(context, { identity })
}

function apiOf(contract: object, host: Host, caller: Caller): object {
  return mapEntries(contract, entry => {
    switch (entry.kind) {
      case 'procedure':
        return (input?: unknown, options?: object) => call(host, caller, entry, input, options)
      case 'stream': {
        const begin = (input?: unknown, options?: AnyStreamOptions) => start(host, caller, entry, input, options)
        if (!entry.down) return async (input?: unknown, options?: AnyStreamOptions) => begin(input, options).result
        return (input?: unknown, options?: AnyStreamOptions) => readingOf(() => begin(input, options), host.clock)
      }
      case 'topic':
        return (params: unknown) => channelFor(host, caller, entry, params)
    }
  })
}

const ignore = (): void => undefined

/** A caller that is never closed keeps no process alive. */
const quietClock: Clock = {
  ...systemClock,
  setTimeout(run, ms) {
    const timer = setTimeout(run, ms)
    timer.unref()
    return timer
  },
}
