/// <reference lib="esnext.disposable" preserve="true" />
import type { TautlineError } from './errors.ts'

/** Where a message stands in its topic's memory: opaque, may be stored, given back as `since`. */
export type Position = string

/**
 * A promise that also knows, for `safe()`, which declared errors it may reject with. Whoever catches must expect any
 * canonical code beside them.
 */
export interface Answer<Value, Declared extends TautlineError> extends Promise<Value> {
  /** Exists for the compiler only. */
  readonly '~declared'?: Declared
}

/** Options of one procedure call. */
export interface CallOptions {
  /** Cancels the call: it rejects with `CANCELLED`, and the handler's `signal` fires. */
  readonly signal?: AbortSignal | undefined
  /** How long the call may take, in ms, 1 to 3,600,000; the entry's `timeout`, else 30,000. */
  readonly timeout?: number | undefined
  /** With the same key the handler runs at most once in two minutes; every caller gets the outcome of that one run. */
  readonly idempotencyKey?: string | undefined
  /** Strings that the handler reads as `call.headers`. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** Options of one stream. */
export interface StreamOptions {
  /** Cancels the stream: reading rejects with `CANCELLED`, and the handler's `signal` fires. */
  readonly signal?: AbortSignal | undefined
  /** How long the whole stream may take, in ms, 1 to 3,600,000; the entry's `timeout`, else for ever. */
  readonly timeout?: number | undefined
  /** Strings that the handler reads as `call.headers`. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** Options of one stream that takes items up. */
export interface UpOptions<Item> extends StreamOptions {
  /** Where the items come from. It is read only as fast as the server takes them, and closed when the stream ends. */
  readonly up: Source<Item>
}

/** What items up may come from. */
export type Source<Item> = Iterable<Item> | AsyncIterable<Item> | ReadableSource<Item>

/** As much of a `ReadableStream` as is needed to read one. */
export interface ReadableSource<Item> {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: Item | undefined }>
    cancel(reason?: unknown): Promise<void>
    releaseLock(): void
  }
}

/** A stream that is read: its items once, in order, then `result`. Starts with the first `next()` or with `result`. */
export interface Reading<Item, Result, Declared extends TautlineError> extends AsyncIterable<Item, Result, undefined> {
  /**
   * What the stream ends with. Who reads only this has the items discarded. Rejects when the stream fails, and never
   * as an unhandled rejection.
   */
  readonly result: Answer<Result, Declared>
}

/** A topic with its params. Nothing is sent before it is subscribed to or published on. */
export interface Channel<Message> extends AsyncIterable<Message, void, undefined> {
  /** Calls `listener` with every message, in order, until the subscription is closed. */
  readonly subscribe: (listener: (message: Message) => void, options?: SubscribeOptions) => Subscription
  /** The same as a loop. A gap ends it with `DATA_LOSS`; `for await (… of channel)` is `messages()` for short. */
  readonly messages: (options?: MessagesOptions) => AsyncIterable<Message, void, undefined>
}

/** A channel that clients may publish on. */
export interface Publishes<Message> {
  /**
   * Sends a message. Resolves with the position it got; with `undefined` when the topic retains nothing, or when it was
   * volatile and could not go.
   */
  readonly publish: (message: Message, options?: PublishOptions) => Promise<Position | undefined>
}

/** A channel that tells who is there. */
export interface HasPresence<Info> {
  /** Who is subscribed to this channel. */
  readonly presence: Presence<Info>
}

/** Where a subscription begins. With neither: at the next message. */
export interface MessagesOptions {
  /** After this position, as `subscription.position` gave it. Wins over `rewind`. */
  readonly since?: Position | undefined
  /** With the last so many messages, 0 to `Infinity`; of a `latestBy` topic with so many keys, all by default. */
  readonly rewind?: number | undefined
  /** Ends the loop. */
  readonly signal?: AbortSignal | undefined
}

/** How one subscription behaves. */
export interface SubscribeOptions {
  /** Begins after this position, as `subscription.position` gave it. Wins over `rewind`. */
  readonly since?: Position | undefined
  /** Begins with the last so many messages, 0 to `Infinity`; of a `latestBy` topic with so many keys, all by default. */
  readonly rewind?: number | undefined
  /** Messages were lost for good; called before the next message. Without it `connection.on('error')` is told. */
  readonly onGap?: ((gap: Gap) => void) | undefined
  /**
   * Refused, or no longer allowed: the subscription is closed. Without it `connection.on('error')` is told. `UNAVAILABLE`
   * is no refusal: the server is asked again after a while, as it is after any code that may be retried once the
   * subscription has been let in.
   */
  readonly onError?: ((error: TautlineError) => void) | undefined
  /** A key of a `latestBy` topic is gone. */
  readonly onRetract?: ((key: string) => void) | undefined
  /** Closes the subscription. */
  readonly signal?: AbortSignal | undefined
}

/** Messages that did not reach a subscriber and never will. */
export interface Gap {
  /** The last position before it; `undefined` when there is none. */
  readonly after: Position | undefined
  /** The position from which it goes on; `undefined` when the topic retains nothing. */
  readonly until: Position | undefined
}

/** How far a subscription is. */
export type SubscriptionState = 'pending' | 'live' | 'catching-up' | 'closed'

/** One listener on a channel. Survives every drop of the connection; ends with `close()`, also by `using`. */
export interface Subscription {
  /** `pending` until the server has let it in, `catching-up` while it reads what it missed, then `live`. */
  readonly state: SubscriptionState
  /**
   * Up to where messages have been handed over, at first where it began. `undefined` until the server has let it in, and
   * for topics that retain nothing.
   */
  readonly position: Position | undefined
  /** Resolves when the server has let it in. Rejects when refused, and never as an unhandled rejection. */
  readonly ready: Promise<void>
  /** Ends it. The listener is not called again. */
  readonly close: () => void
  readonly [Symbol.dispose]: () => void
}

/** Options of one publish. */
export interface PublishOptions {
  /**
   * Only if it can go now. Without a connection it is dropped; while a lot is still to be sent on it, the newest one of
   * each channel is kept until it can go. Never rejects for want of a connection.
   */
  readonly volatile?: boolean | undefined
  /** With the same key it is published at most once in two minutes. */
  readonly idempotencyKey?: string | undefined
  /** Gives up: rejects with `CANCELLED`. */
  readonly signal?: AbortSignal | undefined
  /** How long it may take, in ms, 1 to 3,600,000; 30,000 when absent. */
  readonly timeout?: number | undefined
}

/** One of those who are subscribed to a channel: a session, with what the server says about it. */
export type Member<Info> = Info & {
  /** The public id of the session. */
  readonly id: string
}

/** Who is subscribed to a channel. */
export interface Presence<Info> {
  /** Calls `listener` with everybody, now and after each change. */
  readonly subscribe: (
    listener: (members: readonly Member<Info>[], all: { readonly count: number }) => void,
    options?: PresenceOptions,
  ) => Subscription
}

/** How one subscription to a presence behaves. */
export interface PresenceOptions {
  /** Refused, or no longer allowed: the subscription is closed. Without it `connection.on('error')` is told. */
  readonly onError?: ((error: TautlineError) => void) | undefined
  /** Closes the subscription. */
  readonly signal?: AbortSignal | undefined
}
