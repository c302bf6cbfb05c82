import { fromWire, type Gap, type Subscription, type SubscriptionState, TautlineError } from '@tautline/core'
import {
  type Frame,
  FrameType,
  type Position,
  positionText,
  readPosition,
  type SubscribedFields,
  type SubscribeFields,
} from '@tautline/core/wire'
import { nanoid } from 'nanoid'
import type { Caller } from '../run.ts'
import { Subscriptions } from '../subscriptions.ts'
import { deferred } from './deferred.ts'
import type { Host } from './host.ts'
import { Inbox } from './inbox.ts'

/** Each has subscriptions of its own, and this is the only one. */
const ID = 1

/** What is subscribed to. */
export interface Request {
  /** The topic's path, or that of its presence. */
  readonly path: string
  readonly params: unknown
  readonly since?: string | undefined
  readonly rewind?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Who gets what a subscription receives. Nothing here may throw. */
export interface Sink {
  /** Something waits: {@link LocalSubscription.step} takes it. */
  arrived(): void
  message(message: unknown, key: string | undefined): void
  retract(key: string): void
  gap(gap: Gap): void
  /** Caught up. */
  live(): void
  /** Closed: by the application, or by `error`. */
  closed(error: TautlineError | undefined): void
}

/** One subscription of this process: let in by the topic's handler like any other, and fed by the same cursor. */
export class LocalSubscription implements Subscription {
  readonly ready: Promise<void>
  readonly #host: Host
  readonly #request: Request
  readonly #sink: Sink
  readonly #inbox: Inbox
  readonly #subscriptions: Subscriptions
  readonly #decided = deferred<void>()
  #state: SubscriptionState = 'pending'
  #position: Position | undefined
  #head = 0

  constructor(host: Host, caller: Caller, request: Request, sink: Sink) {
    const { clock, deadlines, dispatcher, failures, hub, limits } = host
    this.#host = host
    this.#request = request
    this.#sink = sink
    this.ready = this.#decided.promise
    this.ready.catch(() => undefined)
    this.#inbox = new Inbox(
      clock,
      () => sink.arrived(),
      () => this.#subscriptions.room(),
    )
    this.#subscriptions = new Subscriptions({
      hub,
      deadlines,
      limits,
      link: this.#inbox,
      publicId: nanoid(),
      admit: (path, params, signal) => dispatcher.admit(caller, path, params, signal),
      internal: (error, path) => failures.internal(error, path),
    })
    this.#subscriptions.attached()
    host.subscriptions.add(this)
    request.signal?.addEventListener('abort', this.close)
    clock.defer(() => this.#begin())
  }

  get state(): SubscriptionState {
    return this.#state
  }

  get position(): string | undefined {
    return this.#position === undefined ? this.#request.since : positionText(this.#position)
  }

  [Symbol.dispose](): void {
    this.end()
  }

  readonly close = (): void => this.end()

  /** Takes what has arrived first; `false` when there is nothing. */
  step(): boolean {
    const frame = this.#state === 'closed' ? undefined : this.#inbox.take()
    if (frame) this.#apply(frame)
    return frame !== undefined
  }

  /** Closes it; with `error` against the application's will. */
  end(error?: TautlineError): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#request.signal?.removeEventListener('abort', this.close)
    this.#host.subscriptions.delete(this)
    this.#subscriptions.close()
    this.#inbox.clear()
    this.#decided.reject(error ?? new TautlineError('CANCELLED', 'the subscription was closed'))
    this.#sink.closed(error)
  }

  #begin(): void {
    const { path, params, signal } = this.#request
    if (this.#state === 'closed') return
    if (signal?.aborted) return this.end()
    try {
      this.#subscriptions.receive([FrameType.SUBSCRIBE, ID, path, params, fieldsOf(this.#request)])
    } catch (error) {
      this.end(TautlineError.from(error))
    }
  }

  #apply(frame: Frame): void {
    switch (frame[0]) {
      case FrameType.SUBSCRIBED:
        return 'error' in frame[2] ? this.end(fromWire(frame[2].error)) : this.#admitted(frame[2])
      case FrameType.UNSUBSCRIBE:
        return this.end(fromWire(frame[2]))
      case FrameType.MESSAGE:
        this.#reached(frame[2])
        this.#sink.message(frame[3], frame[4])
        return this.#progress()
      case FrameType.RETRACT:
        this.#reached(frame[2])
        this.#sink.retract(frame[3])
        return this.#progress()
      case FrameType.GAP:
        this.#jump(frame[2], frame[3])
        return this.#progress()
    }
  }

  #admitted({ epoch, offset, head, gap }: SubscribedFields): void {
    this.#state = 'catching-up'
    this.#head = head
    this.#decided.resolve()
    if (gap) this.#jump(epoch, offset)
    else this.#position = [epoch, offset]
    this.#progress()
  }

  #reached(offset: number): void {
    this.#position = [this.#position?.[0] ?? null, offset]
  }

  #jump(epoch: string | null, offset: number): void {
    const after = this.position
    this.#position = [epoch, offset]
    this.#sink.gap({ after, until: this.position })
  }

  #progress(): void {
    if (this.#state !== 'catching-up' || (this.#position?.[1] ?? 0) < this.#head) return
    this.#state = 'live'
    this.#sink.live()
  }
}

function fieldsOf({ since, rewind }: Request): SubscribeFields {
  if (since !== undefined) return { since: readPosition(since) ?? refuse('`since` is no position') }
  if (rewind === undefined) return {}
  const messages = Math.min(rewind, Number.MAX_SAFE_INTEGER)
  return Number.isSafeInteger(messages) && messages >= 0 ? { rewind: messages } : refuse('`rewind` counts messages')
}

function refuse(why: string): never {
  throw new TautlineError('INVALID_ARGUMENT', why)
}
