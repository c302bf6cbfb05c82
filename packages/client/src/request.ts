import { type CanonicalCode, TautlineError } from '@tautline/core'
import {
  type Call,
  type Clock,
  DEFAULT_WINDOW,
  type Exchange,
  type Outcome,
  type Peer,
  type Publish,
  type Timers,
} from '@tautline/core/wire'
import { onAbort } from './abort.ts'

/** What a request needs of the connection that carries it. */
export interface Carrier {
  readonly deadlines: Timers
  readonly clock: Clock
  /** Sends the request as soon as it is its turn, or fails it. */
  submit(request: Request): void
  /** The request is over: it waits no more, and the place that it took is free. */
  withdraw(request: Request): void
}

/** Why requests cannot be answered. */
export interface Why {
  readonly code: CanonicalCode
  readonly message: string
}

/** The numbers of entries, by path. */
export type Numbers = ReadonlyMap<string, number>

/** How a request ended. */
export type Settled = Exclude<Outcome, { readonly kind: 'cancel' }>

/** Where something that may have run is sent again: with a key, only where the outcome of its first run is kept. */
export type Again = 'anywhere' | 'to its outcome' | 'nowhere'

/** What a request is made of. */
export interface RequestParts {
  /** The frame for an id; `timeoutMs` is what is left of the time, and `numbers` what the server calls entries, too. */
  frame(id: number, timeoutMs: number | undefined, numbers: Numbers | undefined): Call | Publish
  /** About the bytes of that frame. */
  readonly size: number
  /** Bytes of items that the server may send before more are granted. */
  readonly window?: number | undefined
  readonly timeout: number | undefined
  readonly signal: AbortSignal | undefined
  /** Asked when its session is lost: where to send it again, though nobody knows whether it ran. */
  again(): Again
  /** It is worth nothing once its socket is gone; then it ends with `undefined`. */
  readonly volatile?: boolean | undefined
  /** It comes after what was sent before it, whichever server took that. */
  readonly inTurn?: boolean | undefined
  /** It is on its way on this exchange, which may be a second one. */
  opened?(exchange: Exchange): void
  /** Nobody waits for it any more, and a server that still works on it is told. */
  cancelled?(exchange: Exchange): void
  /** The exchange is over, in whatever way; whoever is told calls {@link Request.end}. Without it that happens at once. */
  answered?: ((outcome: Settled) => void) | undefined
  /** Told once, whatever happens. */
  done(outcome: Settled): void
}

/**
 * One call, stream or publish from its beginning to its one settlement. It waits in the outbox, is sent on the exchange
 * of a session, and may be sent on another session when that one is lost.
 */
export class Request {
  readonly #carrier: Carrier
  readonly #parts: RequestParts
  readonly #expiresAt: number | undefined
  readonly #deadline: unknown
  readonly #stopWaiting: (() => void) | undefined
  #exchange: Exchange | undefined
  #answered = false
  #over = false
  /** Whether it may have reached a handler. */
  #left = false
  /** Where its outcome is kept, if it has one. */
  #outcomes: string | undefined
  #again: Again = 'anywhere'

  constructor(carrier: Carrier, parts: RequestParts) {
    this.#carrier = carrier
    this.#parts = parts
    const { timeout, signal } = parts
    if (timeout !== undefined) {
      this.#expiresAt = carrier.clock.now() + timeout
      this.#deadline = carrier.deadlines.add(timeout, () => this.end(this.#failure('DEADLINE_EXCEEDED')))
    }
    if (signal?.aborted) this.#aborted()
    else if (signal) this.#stopWaiting = onAbort(signal, this.#aborted)
  }

  /** Whether there is nothing left to send. */
  get answered(): boolean {
    return this.#answered
  }

  get size(): number {
    return this.#parts.size
  }

  get volatile(): boolean {
    return this.#parts.volatile === true
  }

  get inTurn(): boolean {
    return this.#parts.inTurn === true
  }

  /** Goes out on a session that has room for it. What cannot go fails, and concerns nobody else. */
  send(peer: Peer, numbers?: Numbers, outcomes?: string): void {
    const { frame, window = DEFAULT_WINDOW, opened } = this.#parts
    if (this.#again === 'to its outcome' && outcomes !== this.#outcomes) {
      return this.fail({ code: 'UNAVAILABLE', message: 'the server that knows its outcome is gone' })
    }
    this.#outcomes = outcomes
    try {
      const exchange = peer.open({ window, frame: id => frame(id, this.#timeLeft(), numbers) })
      this.#left = true
      this.#exchange = exchange
      exchange.owner = {
        ended: outcome => {
          if (exchange === this.#exchange && outcome.kind !== 'cancel') this.answer(outcome)
        },
      }
      opened?.(exchange)
    } catch (error) {
      this.answer({ kind: 'fail', error: TautlineError.from(error) })
    }
  }

  /** Its session is gone. Says whether it is to be sent again; if not, it has failed. */
  lost(why: Why): boolean {
    this.#exchange = undefined
    this.#again = this.#parts.again()
    if (this.#again !== 'nowhere') return true
    this.fail(why)
    return false
  }

  /** It cannot be answered. Adds whether it may have run. */
  fail({ code, message }: Why): void {
    this.answer(this.#failure(code, message))
  }

  /** The exchange is over, or there will be none. */
  answer(outcome: Settled): void {
    if (this.#answered) return
    this.#answered = true
    const exchange = this.#exchange
    this.#exchange = undefined
    if (exchange && !exchange.over) {
      this.#parts.cancelled?.(exchange)
      exchange.cancel()
    }
    this.#carrier.withdraw(this)
    const { answered } = this.#parts
    if (answered) answered(outcome)
    else this.end(outcome)
  }

  /** The request is over. The one way down, and only the first one counts. */
  end(outcome: Settled): void {
    if (this.#over) return
    this.#over = true
    this.#carrier.deadlines.delete(this.#deadline)
    this.#stopWaiting?.()
    this.answer(outcome)
    this.#parts.done(outcome)
  }

  /** Its caller lost interest. */
  cancel(message: string, options?: ErrorOptions): void {
    this.end(this.#failure('CANCELLED', message, options))
  }

  readonly #aborted = (): void => this.cancel('', { cause: this.#parts.signal?.reason })

  #failure(code: CanonicalCode, message = '', options?: ErrorOptions): Settled {
    return { kind: 'fail', error: new TautlineError(code, message, { ...options, mayHaveRun: this.#left }) }
  }

  #timeLeft(): number | undefined {
    return this.#expiresAt === undefined
      ? undefined
      : Math.max(1, Math.ceil(this.#expiresAt - this.#carrier.clock.now()))
  }
}
