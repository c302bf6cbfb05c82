import type { Call, Handlers } from '@tautline/core'
import { withContext } from './call.ts'
import { isThenable } from './thenable.ts'

type Check<Context, Narrowed> = (context: Context) => Narrowed | Promise<Narrowed>
type Handler = (...args: readonly unknown[]) => unknown

const TOPIC_HANDLERS = ['subscribe', 'publish', 'presence'] as const

/**
 * Handlers that need more than `authenticate` promises, behind a check that provides it: typed authorization for a group
 * of the contract, or for one entry.
 *
 * @param part - the group or entry of the contract.
 * @param check - makes the context that the handlers see; throws to refuse. Asked before every handler, may be async.
 */
export function narrow<T, Context, Narrowed>(
  part: T,
  check: Check<Context, Narrowed>,
  handlers: Handlers<T, Narrowed>,
): Handlers<T, Context> {
  return wrap(part, handlers, check as Check<unknown, unknown>) as Handlers<T, Context>
}

/** Names come from both, so that methods of a class are found, and what is unknown is still there to be complained of. */
function wrap(part: unknown, handlers: unknown, check: Check<unknown, unknown>): unknown {
  if (typeof handlers === 'function') return guarded(handlers as Handler, check)
  if (!isRecord(handlers)) return handlers
  const inner = isRecord(part) ? part : {}
  const names = new Set([...Object.keys(inner), ...TOPIC_HANDLERS, ...Object.keys(handlers)])
  const wrapped = [...names].flatMap(name => {
    const handler = handlers[name]
    if (handler === undefined) return []
    return [[name, wrap(inner[name], typeof handler === 'function' ? handler.bind(handlers) : handler, check)]]
  })
  return Object.fromEntries(wrapped)
}

/** The call is the last argument of every handler. */
function guarded(handler: Handler, check: Check<unknown, unknown>): Handler {
  return (...args) => {
    const call = args[args.length - 1] as Call
    const before = args.slice(0, -1)
    const context = check(call.context)
    if (isThenable(context)) return context.then(narrowed => handler(...before, withContext(call, narrowed)))
    return handler(...before, withContext(call, context))
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
