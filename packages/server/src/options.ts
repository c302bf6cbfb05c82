import type { Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Interceptor, Interceptors } from '@tautline/core'
import type { Clock } from '@tautline/core/wire'
import type { Authenticate } from './auth.ts'
import type { Broker } from './broker.ts'
import { serverClock } from './clock.ts'
import { type OnError, warn } from './failures.ts'
import { integerOf, limitsOf, type ServerLimits } from './limits.ts'
import { type Origins, originsOf } from './origin.ts'
import type { SessionHandle } from './session-handle.ts'

/** An engine that restarts is back sooner than that, in ms. */
const BROKER_GRACE_MS = 10_000

/** How a server is made: see {@link serve}. */
export interface ServeOptions<Context> {
  /**
   * Decides who a client is, and makes the context that handlers see. `anyone` says in so many words that everybody may
   * come in.
   */
  readonly authenticate: Authenticate<Context>
  /** Listens on a port of its own; 0 for any free one. Without `port` and `server`, sockets come by `server.accept`. */
  readonly port?: number | undefined
  /** The address to listen on. All of them by default. */
  readonly host?: string | undefined
  /** An HTTP(S) server to be part of, instead of `port`. Only upgrades of `path` are touched, and it is never closed. */
  readonly server?: HttpServer | HttpsServer | undefined
  /** Where sockets are opened. `'/live'` by default. */
  readonly path?: string | undefined
  /** Which pages may open a socket. `['self']` by default: the page's own origin. Whoever is no browser passes. */
  readonly origins?: Origins | undefined
  /** How many trusted proxies stand in front and write `X-Forwarded-For`; `true` for one. None by default. */
  readonly trustProxy?: boolean | number | undefined
  /**
   * Compresses messages of 1 KiB and more for clients that offer it, as browsers do. `false` by default: it costs time
   * and memory for each of them (docs/guide/security.md has the figures). Without `port` or `server` it does nothing.
   */
  readonly compression?: boolean | undefined
  /** What makes many servers one, and remembers for topics. `memory()` by default. */
  readonly broker?: Broker | undefined
  /**
   * When the broker has been away for so many ms, the server sends its clients elsewhere: each is closed once with 4006, and
   * turned away once with HTTP 503 at the door. Who comes again stays. 10,000 by default; `false` for never, as a server
   * may want that has no others beside it.
   */
  readonly brokerGraceMs?: number | false | undefined
  /** Wrap every call, stream, subscription and publish; the first is the outermost. */
  readonly interceptors?: Interceptors<NoInfer<Context>> | undefined
  /** `output: false` sends what handlers return unchecked, with all that the schema does not name. */
  readonly validate?: { readonly output?: boolean | undefined } | undefined
  /** Told of every new session, before anything is taken from it. */
  readonly onSession?: ((session: SessionHandle<NoInfer<Context>>) => unknown) | undefined
  /**
   * Told of everything that user code throws and no client may see, with the incident that the client was told. Without
   * it, such errors become process warnings.
   */
  readonly onError?: OnError | undefined
  /** Goes to clients, and comes back as `?route=` when they resume: for a balancer that shall find this very server. */
  readonly route?: string | undefined
  /** Numbers to keep to instead of the defaults. */
  readonly limits?: Partial<ServerLimits> | undefined
  /** The clock to live by. The machine's by default; tests bring their own. */
  readonly clock?: Clock | undefined
}

/** Options that have been checked, with all defaults in their place. */
export interface Settings {
  readonly authenticate: Authenticate<unknown>
  readonly port: number | undefined
  readonly host: string | undefined
  readonly server: HttpServer | HttpsServer | undefined
  readonly path: string
  readonly origins: Origins
  /** Trusted proxies in front. */
  readonly proxies: number
  readonly compression: boolean
  readonly broker: Broker | undefined
  /** `undefined` for ever. */
  readonly brokerGraceMs: number | undefined
  readonly interceptors: readonly Interceptor[]
  readonly validateOutput: boolean
  readonly onSession: ((session: SessionHandle) => unknown) | undefined
  readonly onError: OnError
  readonly route: string | undefined
  readonly limits: ServerLimits
  readonly clock: Clock
}

/**
 * Checks the options of `serve` and adds the defaults.
 *
 * @throws `TypeError` naming the option that is wrong.
 */
export function settingsOf<Context>(options: ServeOptions<Context>): Settings {
  const { authenticate, port, server, path = '/live', route, broker, interceptors = [], clock = serverClock } = options
  if (typeof authenticate !== 'function') throw new TypeError('authenticate must be a function, or anyone')
  if (port !== undefined && server !== undefined) throw new TypeError('either port or server, not both')
  if (port !== undefined) integerOf('port', port, 0, 65_535)
  if (!/^\/[^\s?#]*$/.test(path)) throw new TypeError("path must begin with '/' and have no query")
  if (route !== undefined && !/^[\x21-\x7e]{1,512}$/.test(route)) {
    throw new TypeError('route must be 1 to 512 printable ASCII characters without spaces')
  }
  return {
    authenticate,
    port,
    host: options.host,
    server,
    path,
    origins: originsOf(options.origins),
    proxies: integerOf('trustProxy', Number(options.trustProxy ?? 0), 0, 16),
    compression: booleanOf('compression', options.compression),
    broker,
    brokerGraceMs: graceOf(options.brokerGraceMs),
    interceptors: functions('interceptors', interceptors as readonly unknown[]) as readonly Interceptor[],
    validateOutput: options.validate?.output ?? true,
    onSession: optionalFunction('onSession', options.onSession) as Settings['onSession'],
    onError: optionalFunction('onError', options.onError) ?? warn,
    route,
    limits: limitsOf(options.limits),
    clock,
  }
}

function graceOf(ms: number | false = BROKER_GRACE_MS): number | undefined {
  if (ms === false) return undefined
  if (Number.isInteger(ms) && ms >= 0 && ms < 2 ** 31) return ms
  throw new TypeError(`brokerGraceMs must be an integer from 0 to ${2 ** 31 - 1}, or false`)
}

function booleanOf(name: string, value: unknown = false): boolean {
  if (typeof value === 'boolean') return value
  throw new TypeError(`${name} must be true or false`)
}

function optionalFunction<T>(name: string, value: T): T {
  if (value === undefined || typeof value === 'function') return value
  throw new TypeError(`${name} must be a function`)
}

function functions<T>(name: string, values: readonly T[]): readonly T[] {
  return values.map(value => optionalFunction(name, value))
}
