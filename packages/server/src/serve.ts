import { type Handlers, hashOf } from '@tautline/core'
import { Deadlines } from '@tautline/core/wire'
import { Authenticator } from './auth.ts'
import { Callers } from './caller.ts'
import { Dispatcher } from './dispatch.ts'
import { Failures } from './failures.ts'
import { guardedBroker } from './guarded-broker.ts'
import { routesOf } from './handlers.ts'
import { Hub } from './hub.ts'
import { memory } from './memory.ts'
import { type ServeOptions, type Settings, settingsOf } from './options.ts'
import { Orders, type OrdersParts } from './orders.ts'
import { Outcomes } from './outcomes.ts'
import { obeying, Server, type ServerParts } from './server.ts'
import { Sessions } from './sessions.ts'
import { Topics } from './topics.ts'
import { Welcomes } from './welcome.ts'

/** Of all outcomes that are kept, nobody has more than one of so many parts. */
const SHARES = 16

/** How exact deadlines are, in ms. One timer serves all of them. */
const RESOLUTION_MS = 50

/**
 * Starts a server: a contract, who may use it, and the handlers that answer. Resolves when clients can connect.
 *
 * @param contract - what was made by `contract()`.
 * @param options - `authenticate` is required; `port` or `server` say where clients come in.
 * @param handlers - one for every entry, in a plain object with the contract's shape.
 * @throws `TypeError` for an option that is wrong, and for handlers that are missing or unknown, naming each; what the
 * port throws when it cannot be listened on.
 */
// `never` while the compiler has not looked into `authenticate` yet: handlers of any context fit it. A constraint on `T`
// would hide from `narrow`, where it stands among the handlers, which context is around it.
export async function serve<T, Context = never>(
  contract: T,
  options: ServeOptions<Context>,
  handlers: Handlers<T, NoInfer<Context>>,
): Promise<Server<T, Context>> {
  const settings = settingsOf(options)
  const failures = new Failures(settings.onError)
  const parts = partsOf(contract as object, settings, handlers, failures)
  const server = new Server<T, Context>(parts)
  await parts.orders?.followed
  if (settings.port === undefined && settings.server === undefined) return server
  try {
    // Loaded only where it is needed: other runtimes have no `ws`, and bring their sockets themselves.
    const { Door } = await import('./door.ts')
    await server.listen(hall => Door.open(settings, hall, failures))
    return server
  } catch (error) {
    await server.close({ withinMs: 0 })
    throw error
  }
}

function partsOf(contract: object, settings: Settings, handlers: object, failures: Failures): ServerParts {
  const { clock, limits, interceptors, validateOutput } = settings
  const routes = routesOf(contract, handlers)
  const deadlines = new Deadlines(clock, RESOLUTION_MS)
  const broker = guardedBroker(settings.broker ?? memory({ clock }), { clock, deadlines, failures })
  const hub = new Hub({ broker, clock, deadlines, limits })
  const outcomes = new Outcomes(clock, {
    ms: limits.outcomeMs,
    bytes: limits.outcomeBytes,
    totalBytes: limits.outcomesBytes,
    ownerBytes: Math.ceil(limits.outcomesBytes / SHARES),
  })
  const dispatcher = new Dispatcher({
    routes,
    interceptors,
    validateOutput,
    failures,
    clock,
    deadlines,
    limits,
    topics: hub,
    outcomes,
  })
  const authenticator = new Authenticator(settings.authenticate, deadlines, limits.authenticateMs, failures)
  const sessions = new Sessions({
    settings,
    deadlines,
    dispatcher,
    hub,
    authenticator,
    failures,
    welcomes: new Welcomes(settings, hashOf(contract), outcomes.id),
  })
  // A server on the default broker has no others.
  const obey: OrdersParts['obey'] = (order, identity) => void obeying[order](sessions, identity)
  const orders = settings.broker ? new Orders({ broker, deadlines, failures, obey }) : undefined
  const callers = new Callers(contract, { dispatcher, hub, failures, clock, deadlines, limits })
  return {
    settings,
    deadlines,
    authenticator,
    dispatcher,
    topics: new Topics(routes, hub),
    broker,
    sessions,
    callers,
    orders,
    async end() {
      orders?.close()
      callers.close()
      try {
        await hub.close()
        if (!settings.broker) await broker.close()
      } finally {
        deadlines.clear()
      }
    },
  }
}
