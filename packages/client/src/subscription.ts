import type { Position, Subscription as PublicSubscription, SubscriptionState, TopicEntry } from '@tautline/core'
import { CODES, type Gap, isCanonicalCode, TautlineError } from '@tautline/core'
import { positionText, readPosition, type SubscribedFields, type SubscribeFields } from '@tautline/core/wire'

/** What a subscription asks the server for. */
export interface Request {
  readonly entry: TopicEntry
  /** The entry on the wire: the topic's path, or that of its presence. */
  readonly path: string
  readonly params: unknown
  /** Whether it is the newest message of each key that counts. */
  readonly latest: boolean
  readonly since?: Position | undefined
  readonly rewind?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Who gets what a subscription receives. Nothing here may throw. */
export interface Sink {
  message(message: unknown, key: string | undefined, size: number): void
  retract(key: string): void
  gap(gap: Gap): void
  /** Closed: by the application, or by `error`. */
  closed(error: TautlineError | undefined): void
  /** Caught up. */
  live?(): void
  /** Whether there is no room for one more message. */
  full?(): boolean
}

/** What a subscription needs of all those of its connection. */
export interface Desk {
  /** Asks the server again, at the end of the tick or after the back-off of so many `attempts`. */
  again(subscription: Subscription, attempts: number): void
  /** Takes no more from the server until it is asked again. */
  leave(subscription: Subscription): void
  closed(subscription: Subscription): void
}

/**
 * Where one listener stands in a channel (protocol.md, "Positions"): it skips what it has received, sees holes, and
 * tells a gap before the message that follows it. It knows nothing of sockets: {@link Desk} asks the server for it.
 */
export class Subscription implements PublicSubscription {
  readonly ready: Promise<void>
  readonly request: Request
  readonly #desk: Desk
  readonly #sink: Sink
  #state: SubscriptionState = 'pending'
  /** `undefined` before anything is known, `null` where nothing is retained. */
  #epoch: string | null | undefined
  #offset = 0
  /** Caught up at or above this offset. */
  #head = 0
  /** With `latestBy`, until all keys have arrived: the newest offset when they began to. */
  #base = 0
  #stalled = false
  #attempts = 0
  #settle: (error?: TautlineError) => void = () => undefined

  constructor(desk: Desk, request: Request, sink: Sink) {
    this.#desk = desk
    this.request = request
    this.#sink = sink
    this.ready = new Promise((resolve, reject) => {
      this.#settle = error => (error ? reject(error) : resolve())
    })
    this.ready.catch(() => undefined)
    request.signal?.addEventListener('abort', this.close)
  }

  get state(): SubscriptionState {
    return this.#state
  }

  get position(): Position | undefined {
    return this.#epoch === undefined ? this.request.since : positionText([this.#epoch, this.#offset])
  }

  /** Whether the server has nothing to send until there is room; a member of a presence stays one all the same. */
  get away(): boolean {
    return this.#stalled && !this.request.entry.presence
  }

  /** Whether all that there was is received; also of one that is closed. */
  get caughtUp(): boolean {
    return this.#epoch !== undefined && !this.#stalled && this.#offset >= this.#head
  }

  [Symbol.dispose](): void {
    this.end()
  }

  readonly close = (): void => this.end()

  /**
   * Where to go on from, for SUBSCRIBE.
   *
   * @throws {@link TautlineError} `INVALID_ARGUMENT` when the application asked for what there cannot be.
   */
  fields(): SubscribeFields | undefined {
    const { since, rewind } = this.request
    if (this.#epoch === null) return undefined
    if (this.#epoch !== undefined) {
      const base = this.#offset < this.#base ? { base: this.#base } : undefined
      return { since: [this.#epoch, this.#offset], ...base }
    }
    if (since !== undefined) return { since: readPosition(since) ?? refused('`since` is no position') }
    if (rewind === undefined) return undefined
    const messages = Math.min(rewind, Number.MAX_SAFE_INTEGER)
    return Number.isSafeInteger(messages) && messages >= 0 ? { rewind: messages } : refused('`rewind` counts messages')
  }

  /** Let in: what follows `offset` comes next. */
  admitted({ epoch, offset, head, gap }: SubscribedFields): void {
    if (this.#state === 'closed' || this.#stalled) return
    const known = this.#epoch !== undefined
    const lost = known && (epoch === null || epoch !== this.#epoch || offset > this.#offset)
    if (this.#state === 'pending') this.#state = 'catching-up'
    this.#head = head
    this.#settle()
    const fresh = !known && this.request.since === undefined
    if (this.request.latest && (gap || fresh)) this.#base = head
    if (gap || lost) this.#jump(epoch, offset)
    else if (!known) {
      this.#epoch = epoch
      this.#offset = offset
    }
    this.#progress()
  }

  /**
   * Not let in, or no longer. Asked again is after `UNAVAILABLE`, and, by one that was let in before, after any code that
   * may be retried: what it has is worth more than what a newcomer hopes for.
   */
  refused(error: TautlineError): void {
    const { code } = error
    if (this.#state === 'closed') return
    const retryable = isCanonicalCode(code) && CODES[code].retryable
    if (code !== 'UNAVAILABLE' && (this.#state === 'pending' || !retryable)) return this.end(error)
    this.#attempts ||= 1
    this.#again()
  }

  /** Goes on where another one of the same channel, closed in this tick, stood. */
  succeed(former: Subscription): void {
    this.#state = 'catching-up'
    this.#epoch = former.#epoch
    this.#offset = this.#head = former.#offset
    this.#settle()
    this.#progress()
  }

  /** It may be behind: the socket is gone, or something is missing. */
  lag(): void {
    if (this.#state === 'live') this.#state = 'catching-up'
  }

  message(offset: number, message: unknown, key: string | undefined, size: number): void {
    if (this.#deaf(offset)) return
    const hole = this.#epoch !== null && key === undefined && offset > this.#offset + 1
    if (hole) return this.#again()
    if (this.#sink.full?.()) return this.#stall()
    this.#offset = offset
    this.#attempts = 0
    this.#sink.message(message, key, size)
    this.#progress()
  }

  retract(offset: number, key: string): void {
    if (this.#deaf(offset)) return
    this.#offset = offset
    this.#attempts = 0
    this.#sink.retract(key)
    this.#progress()
  }

  /** Of the keys of a `latestBy` topic all come again after a gap, whatever was received before. */
  gap(epoch: string | null, offset: number): void {
    if (!this.request.latest && epoch === this.#epoch && this.#deaf(offset)) return
    if (this.#state === 'closed' || this.#stalled) return
    this.lag()
    if (epoch !== this.#epoch) this.#head = offset
    this.#base = 0
    this.#jump(epoch, offset)
    this.#progress()
  }

  /** There is room again: goes on from what was received before there was none. */
  room(): void {
    if (!this.#stalled || this.#state === 'closed') return
    this.#stalled = false
    this.#again()
  }

  /** Closes it; with `error` against the application's will. */
  end(error?: TautlineError): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.request.signal?.removeEventListener('abort', this.close)
    this.#settle(error ?? new TautlineError('CANCELLED', 'the subscription was closed'))
    this.#desk.closed(this)
    this.#sink.closed(error)
  }

  #deaf(offset: number): boolean {
    return this.#state === 'closed' || this.#stalled || (this.#epoch !== null && offset <= this.#offset)
  }

  #jump(epoch: string | null, offset: number): void {
    const after = this.position
    this.#epoch = epoch
    this.#offset = offset
    this.#sink.gap({ after, until: this.position })
  }

  #again(): void {
    this.lag()
    this.#desk.again(this, this.#attempts++)
  }

  /** What is not retained cannot be read again: that is a gap at once. */
  #stall(): void {
    if (this.#epoch === null) return this.#jump(null, 0)
    this.#stalled = true
    this.lag()
    if (this.away) this.#desk.leave(this)
  }

  #progress(): void {
    if (this.#state !== 'catching-up' || this.#offset < this.#head) return
    this.#state = 'live'
    this.#sink.live?.()
  }
}

function refused(why: string): never {
  throw new TautlineError('INVALID_ARGUMENT', why)
}
