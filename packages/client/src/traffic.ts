import { TautlineError } from '@tautline/core'
import type { Timers } from '@tautline/core/wire'
import type { Line } from './call.ts'
import type { Settings } from './options.ts'
import { Outbox } from './outbox.ts'
import type { Request, Why } from './request.ts'
import type { Session } from './session.ts'

/** However long a server that leaves wants to be waited for. */
const LONGEST_GRACE_MS = 60_000

/** Why requests fail that were on their way, unless something better is known. */
export const LOST: Why = { code: 'UNAVAILABLE', message: 'the session was lost' }

/** The requests of a connection: waiting, on their way on its session, or on the one that it is about to leave. */
export class Traffic implements Line {
  readonly settings: Settings
  readonly clock: Settings['clock']
  readonly deadlines: Timers
  readonly #open: () => void
  readonly #outbox: Outbox
  #session: Session | undefined
  #leaving: Session | undefined
  #grace: unknown

  /** @param open - dials if nobody does; throws when nothing will ever be sent again. */
  constructor(settings: Settings, open: () => void) {
    const { clock, limits } = settings
    this.settings = settings
    this.clock = clock
    // A timer each: a client has few.
    this.deadlines = { add: (ms, run) => clock.setTimeout(run, ms), delete: timer => clock.clearTimeout(timer) }
    this.#open = open
    this.#outbox = new Outbox(limits.outboxRequests, limits.outboxBytes)
  }

  /** The session on which requests are sent now, or will be once its next socket is there. */
  get session(): Session | undefined {
    return this.#session
  }

  /** The session that ends once what is open on it has ended. */
  get leaving(): Session | undefined {
    return this.#leaving
  }

  /** Whether a volatile message would leave at once. */
  get writable(): boolean {
    return this.#outbox.size === 0 && this.#session?.writable === true
  }

  submit(request: Request): void {
    if (request.answered) return
    try {
      if (this.#outbox.size === 0 && this.#mayGo(request)) this.#session?.send(request)
      else if (request.volatile) request.answer({ kind: 'end', value: undefined })
      else {
        this.#open()
        if (!this.#outbox.add(request)) request.fail({ code: 'UNAVAILABLE', message: 'too much waits to be sent' })
        else if (this.#leaving) this.flush()
      }
    } catch (error) {
      request.answer({ kind: 'fail', error: TautlineError.from(error) })
    }
  }

  withdraw(request: Request): void {
    this.#outbox.delete(request)
    if (this.#session?.withdraw(request)) this.flush()
    if (!this.#leaving?.withdraw(request)) return
    if (this.#leaving.requests.size === 0) this.left()
    else this.flush()
  }

  /** Sends what waits, as far as there is room. */
  flush(): void {
    for (const next of this.#outbox) {
      if (this.#waitsItsTurn(next)) continue
      if (!this.#session?.hasRoomFor(next.size)) return
      this.#outbox.delete(next)
      this.#session.send(next)
    }
  }

  #mayGo(request: Request): boolean {
    return this.#session?.hasRoomFor(request.size) === true && !this.#waitsItsTurn(request)
  }

  /** The server that is left may be slower than the next one: what must not overtake waits for the answers of it. */
  #waitsItsTurn({ inTurn }: Request): boolean {
    return inTurn && this.#leaving?.hasTurns === true
  }

  /** Another session takes the place of the one before, which is lost. */
  begin(session: Session): void {
    this.lose(LOST)
    this.#session = session
  }

  /** The session is lost: what may be sent again waits for the next one, the rest fails. */
  lose(why: Why): void {
    const lost = this.#session
    this.#session = undefined
    this.#outbox.putBack(lost?.lose(why) ?? [])
  }

  /** Starts nothing new on the session: what is open has `graceMs` to end. */
  leave(graceMs: number): void {
    this.left()
    this.#leaving = this.#session
    this.#session = undefined
    this.#grace = this.deadlines.add(Math.min(graceMs, LONGEST_GRACE_MS), () => this.left())
    if (this.#leaving?.requests.size === 0) this.left()
  }

  /** The session that was about to be left is over. */
  left(why = LOST): void {
    const left = this.#leaving
    this.#leaving = undefined
    this.deadlines.delete(this.#grace)
    this.#outbox.putBack(left?.lose(why) ?? [])
    this.flush()
  }

  /** Everything fails, and both sessions end. */
  stop(why: Why): void {
    this.lose(why)
    this.left(why)
    for (const request of [...this.#outbox]) request.fail(why)
  }
}
