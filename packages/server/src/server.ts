import type { Api, Publisher } from '@tautline/core'
import { CloseCode, type Deadlines, retryAfterReason, type Socket, Sweep } from '@tautline/core/wire'
import { Arrival, type UpgradeRequest } from './arrival.ts'
import type { Authenticator } from './auth.ts'
import type { Broker } from './broker.ts'
import type { CallerOptions, Callers } from './caller.ts'
import type { Dispatcher } from './dispatch.ts'
import type { Door, Hall } from './door.ts'
import { Drain } from './drain.ts'
import { revoked } from './endings.ts'
import { Isolation } from './isolation.ts'
import { integerOf } from './limits.ts'
import { Newcomer, type NewcomerParts } from './newcomer.ts'
import type { Settings } from './options.ts'
import type { Order, Orders } from './orders.ts'
import { mayEnter } from './origin.ts'
import type { Sessions } from './sessions.ts'
import { type Stats, statsOf } from './stats.ts'
import type { Topics } from './topics.ts'

/** How long a drain may take unless told otherwise, in ms. */
const DRAIN_MS = 15_000
/** How long goodbyes may take once all is said, in ms. */
const GOODBYE_MS = 1_000
/** Who is turned away for now is asked to stay away for so many ms. */
const RETRY_MS = 1_000

/** What a server is made of. */
export interface ServerParts {
  readonly settings: Settings
  readonly deadlines: Deadlines
  readonly authenticator: Authenticator
  readonly dispatcher: Dispatcher
  readonly topics: Topics
  readonly broker: Broker
  readonly sessions: Sessions
  readonly callers: Callers
  /** How other servers are asked for something, where there may be some. */
  readonly orders: Orders | undefined
  /** Ends what was made for this server alone, when nobody uses it any more. */
  end(): Promise<void>
}

/** A running server, made by {@link serve}. */
export class Server<T = unknown, Context = unknown> implements Publisher {
  readonly #parts: ServerParts
  readonly #newcomers = new Set<Newcomer>()
  readonly #entrance: NewcomerParts
  readonly #sweep: Sweep
  readonly #isolation: Isolation | undefined
  #door: Door | undefined
  #drain: Drain | undefined
  #closed: Promise<void> | undefined

  /** @internal */
  constructor(parts: ServerParts) {
    const { sessions, settings, deadlines, authenticator, broker } = parts
    const { clock, brokerGraceMs: graceMs } = settings
    this.#parts = parts
    this.#entrance = {
      limits: settings.limits,
      deadlines,
      authenticator,
      sessions,
      onSettled: newcomer => {
        this.#newcomers.delete(newcomer)
        newcomer.onKnown()
      },
    }
    this.#isolation = graceMs === undefined ? undefined : new Isolation({ broker, sessions, clock, deadlines, graceMs })
    this.#sweep = new Sweep(clock, (now, stalled) => {
      sessions.sweep(now, stalled)
      parts.dispatcher.sweep()
      this.#door?.sweep(now, stalled)
    })
    this.#sweep.start()
  }

  /**
   * Lets clients in by a door.
   *
   * @internal
   */
  async listen(open: (hall: Hall) => Promise<Door>): Promise<void> {
    const isOpen = () => this.#open
    this.#door = await open({
      get open() {
        return isOpen()
      },
      admits: address => this.#isolation?.admits(address) ?? true,
      enter: (socket, arrival, onKnown) => this.#enter(socket, arrival, onKnown),
    })
  }

  /** The port that clients connect to; `undefined` while there is none. */
  get port(): number | undefined {
    return this.#door?.port
  }

  /** Where a client on this machine connects, `'ws://localhost:3000/live'`; `undefined` while there is no port. */
  get url(): string | undefined {
    return this.#door?.url
  }

  /** Whether it is a good idea to send clients here: for health checks. */
  get ready(): boolean {
    return this.#drain === undefined && this.#parts.broker.status === 'up'
  }

  /**
   * Takes a socket that came some other way than by the server's own door: of another runtime, or in memory.
   *
   * @param socket - an open socket; the subprotocol, if the transport has one, must be `tautline.1`.
   * @param request - what is known of who opened it, such as a fetch `Request`. `origins` are checked here too.
   */
  accept(socket: Socket, request: UpgradeRequest = {}): void {
    const { origins, proxies } = this.#parts.settings
    const arrival = new Arrival(request)
    if (mayEnter(origins, arrival, proxies > 0)) this.#enter(socket, arrival, () => undefined)
    else socket.close(CloseCode.PERMISSION_DENIED, 'this origin may not connect')
  }

  /**
   * Publishes a message to everybody who is subscribed, on all servers of the same broker. Resolves when it is in the
   * topic's memory, with its position; `undefined` where there is none.
   *
   * @throws `TypeError` when params or message do not fit the topic.
   */
  readonly publish: Publisher['publish'] = (topic, params, message, options) =>
    this.#parts.topics.publish(topic, params, message, { key: options?.idempotencyKey })

  /** Takes the newest message of a key out of a `latestBy` topic. */
  readonly retract: Publisher['retract'] = (topic, params, key) => this.#parts.topics.retract(topic, params, key)

  /**
   * What a client calls, answered in this process by the same handlers, validated and intercepted: for server-side
   * rendering and jobs.
   *
   * @param context - what handlers see as `call.context`; nobody is asked who that is.
   */
  caller(context: Context, options?: CallerOptions): Api<T> {
    return this.#parts.callers.caller(context, options)
  }

  /**
   * Ends all sessions of an identity: their calls fail with `UNAUTHENTICATED`, and their sockets close. They may come back
   * as far as `authenticate` lets them in. Those on other servers of the same broker end a moment later.
   *
   * @throws {@link TautlineError} `UNAVAILABLE` when the others could not be asked; here it is done all the same.
   */
  async disconnect({ identity }: { readonly identity: string }): Promise<void> {
    void disconnect(this.#parts.sessions, identity)
    await this.#parts.orders?.tell('disconnect', identity)
  }

  /**
   * Has the `subscribe` handlers asked again about every subscription of an identity; those refused end at once. Resolves
   * when all have been asked that are on this server. Other servers of the same broker do the same a moment later.
   *
   * @throws {@link TautlineError} `UNAVAILABLE` when the others could not be asked; here it is done all the same.
   */
  async recheck({ identity }: { readonly identity: string }): Promise<void> {
    const told = this.#parts.orders?.tell('recheck', identity)
    const [, others] = await Promise.allSettled([recheck(this.#parts.sessions, identity), told])
    if (others.status === 'rejected') throw others.reason
  }

  /** What the server is doing. It looks at every session: once a second is fine, once per request is not. */
  stats(): Stats {
    const { sessions, dispatcher } = this.#parts
    return statsOf(sessions, dispatcher, this.#newcomers.size)
  }

  /**
   * Drains the server: nobody new is taken, each client is asked to leave in a slot of its own, running calls are
   * finished, and what is left at the end is cut off with `UNAVAILABLE`. Resolves when nothing is left. Called again, it
   * can only make the end come sooner.
   *
   * @param options - `withinMs` is how long that may take, in ms; 15 s by default.
   */
  close({ withinMs = DRAIN_MS }: { readonly withinMs?: number } = {}): Promise<void> {
    const { sessions, deadlines, settings } = this.#parts
    integerOf('withinMs', withinMs, 0, 2 ** 31 - 1)
    this.#isolation?.close()
    this.#drain ??= new Drain({ sessions, deadlines, clock: settings.clock })
    this.#drain.within(withinMs)
    this.#closed ??= this.#end(this.#drain)
    return this.#closed
  }

  /** The same as `close()`: `await using server = await serve(…)`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  get #open(): boolean {
    return !this.#drain && this.#newcomers.size < this.#parts.settings.limits.unauthenticated
  }

  #enter(socket: Socket, arrival: Arrival, onKnown: () => void): void {
    if (!this.#open) {
      const code = this.#drain ? CloseCode.DRAINING : CloseCode.OVERLOADED
      return socket.close(code, retryAfterReason(RETRY_MS))
    }
    this.#newcomers.add(new Newcomer(socket, arrival, this.#entrance, onKnown))
  }

  async #end(drain: Drain): Promise<void> {
    const { deadlines, end } = this.#parts
    for (const newcomer of this.#newcomers) newcomer.close(CloseCode.DRAINING)
    await drain.done
    this.#sweep.stop()
    const impatience = deadlines.add(GOODBYE_MS, () => this.#door?.abandon())
    await this.#door?.close()
    deadlines.delete(impatience)
    await end()
  }
}

/** What may be asked for about an identity. */
export const obeying: Readonly<Record<Order, (sessions: Sessions, identity: string) => Promise<void>>> = {
  disconnect,
  recheck,
}

async function disconnect(sessions: Sessions, identity: string): Promise<void> {
  for (const session of sessions.of(identity)) session.close(DISCONNECTED)
}

async function recheck(sessions: Sessions, identity: string): Promise<void> {
  await Promise.all(sessions.of(identity).map(session => session.recheck()))
}

const DISCONNECTED = revoked(CloseCode.EXPIRED, 'disconnected')
