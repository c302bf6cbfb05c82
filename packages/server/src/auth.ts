import { TautlineError } from '@tautline/core'
import { CloseCode, type Deadlines, reasonOf } from '@tautline/core/wire'
import { type Arrival, cookiesOf } from './arrival.ts'
import type { Failures } from './failures.ts'
import { anyone } from './handlers.ts'
import { isThenable } from './thenable.ts'

/** What `authenticate` is asked about. */
export interface AuthenticateRequest {
  /** What the client's `token` function gave it. */
  readonly token: string | undefined
  /** Headers of the upgrade request, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  /** Its cookies. A browser sends them whoever wrote the page: `origins` keeps other people's pages out. */
  readonly cookies: Readonly<Record<string, string>>
  /** The client's network address; behind a proxy see `trustProxy`. */
  readonly address: string | undefined
  /** Path and query of the upgrade request. */
  readonly url: string | undefined
  /**
   * The context of the session that resumes, or that brings a fresh token; else `undefined`. It proves nothing: whoever
   * asks still has to show who they are. (Typed `unknown`, since the type of the context comes from what is returned.)
   */
  readonly previous: unknown
}

/** What `authenticate` found out. */
export interface Authenticated<Context> {
  /** What handlers see as `call.context`. */
  readonly context: Context
  /** Who it is, 1 to 255 characters. Without it, a session is bound to its own secret only. */
  readonly identity?: string | undefined
  /** When this is no longer true: a `Date`, or ms since the epoch. The client is asked for a fresh token in time. */
  readonly expiresAt?: Date | number | undefined
}

/**
 * Decides who a client is, once per socket and for each fresh token. Throw a `TautlineError` with `UNAUTHENTICATED` or
 * `PERMISSION_DENIED` to turn it away for good; after anything else it tries again later.
 */
export type Authenticate<Context> = (
  request: AuthenticateRequest,
) => Authenticated<Context> | Promise<Authenticated<Context>>

/** Who a client is. */
export interface Credentials {
  readonly context: unknown
  readonly identity: string | undefined
  /** How long that is true, in ms from now; `Infinity` for good. */
  readonly lifeMs: number
}

/** What came of asking: who it is, or what to close the socket with. */
export type Verdict =
  | { readonly kind: 'known'; readonly credentials: Credentials }
  | { readonly kind: 'refused'; readonly code: number; readonly reason: string }

/** Asks `authenticate`, at most so long, and lets nothing that it throws out. */
export class Authenticator {
  readonly #authenticate: Authenticate<unknown>
  readonly #deadlines: Deadlines
  readonly #withinMs: number
  readonly #failures: Failures

  constructor(authenticate: Authenticate<unknown>, deadlines: Deadlines, withinMs: number, failures: Failures) {
    this.#authenticate = authenticate
    this.#deadlines = deadlines
    this.#withinMs = withinMs
    this.#failures = failures
  }

  /** A verdict, or a promise of one that never rejects: only where `authenticate` is asynchronous. */
  ask(token: string | undefined, arrival: Arrival, previous: unknown): Verdict | Promise<Verdict> {
    if (this.#authenticate === anyone) return { kind: 'known', credentials: ANYONE }
    try {
      const found = this.#authenticate(requestOf(token, arrival, previous))
      return isThenable(found) ? this.#inTime(this.#judge(found)) : known(found)
    } catch (thrown) {
      return this.#refusal(thrown)
    }
  }

  async #judge(found: PromiseLike<Authenticated<unknown>>): Promise<Verdict> {
    try {
      return known(await found)
    } catch (thrown) {
      return this.#refusal(thrown)
    }
  }

  #inTime(verdict: Promise<Verdict>): Promise<Verdict> {
    return new Promise(resolve => {
      const deadline = this.#deadlines.add(this.#withinMs, () => {
        resolve({ kind: 'refused', code: CloseCode.OVERLOADED, reason: 'authentication takes too long' })
      })
      void verdict.then(found => {
        this.#deadlines.delete(deadline)
        resolve(found)
      })
    })
  }

  #refusal(thrown: unknown): Verdict {
    const refusal = refusalOf(thrown)
    if (refusal) return refusal
    const incident = this.#failures.report(thrown, 'authenticate')
    return { kind: 'refused', code: CloseCode.OVERLOADED, reason: `authentication failed, incident ${incident}` }
  }
}

/** Headers and cookies are read when they are asked for: many applications look at the token alone. */
function requestOf(token: string | undefined, arrival: Arrival, previous: unknown): AuthenticateRequest {
  const { address, url } = arrival
  return {
    token,
    get headers() {
      return arrival.headers
    },
    get cookies() {
      return cookiesOf(arrival.headers['cookie'])
    },
    address,
    url,
    previous,
  }
}

/** What was thrown to turn a client away for good; `undefined` for anything else, be it something that bites. */
function refusalOf(thrown: unknown): Verdict | undefined {
  try {
    if (!(thrown instanceof TautlineError)) return undefined
    const code = REFUSALS.get(thrown.code)
    return code === undefined ? undefined : { kind: 'refused', code, reason: reasonOf(thrown.message) }
  } catch {
    return undefined
  }
}

const REFUSALS: ReadonlyMap<string, number> = new Map([
  ['UNAUTHENTICATED', CloseCode.UNAUTHENTICATED],
  ['PERMISSION_DENIED', CloseCode.PERMISSION_DENIED],
])

const ANYONE: Credentials = { context: undefined, identity: undefined, lifeMs: Number.POSITIVE_INFINITY }

function known(found: Authenticated<unknown> | undefined): Verdict {
  return { kind: 'known', credentials: credentialsOf(found) }
}

/** A handler that forgot to return must not let anybody in. */
function credentialsOf(found: Authenticated<unknown> | undefined): Credentials {
  if (typeof found !== 'object' || found === null) throw new TypeError('authenticate must return an object')
  const { context, identity, expiresAt } = found
  if (identity !== undefined && (typeof identity !== 'string' || identity.length < 1 || identity.length > 255)) {
    throw new TypeError('identity must be a string of 1 to 255 characters')
  }
  if (expiresAt === undefined) return { context, identity, lifeMs: Number.POSITIVE_INFINITY }
  const lifeMs = Number(expiresAt) - Date.now()
  if (Number.isNaN(lifeMs)) throw new TypeError('expiresAt must be a Date or a number of ms since the epoch')
  return { context, identity, lifeMs }
}
