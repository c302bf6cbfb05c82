import type { Position } from './client-types.ts'
import type { AnyEntry } from './entry.ts'
import type { CanonicalCode, TautlineError } from './errors.ts'

/** A topic as publishers need it: which params and which message it takes. */
export interface TopicRef<Params, Message> {
  readonly kind: 'topic'
  readonly path: string
  /** Exists for the compiler only. */
  readonly '~publish': (params: Params, message: Message) => void
}

/** What handlers, the server and `publisher()` publish with. */
export interface Publisher {
  /** Publishes a message. Resolves when it is in the topic's memory, with its position; `undefined` where there is none. */
  readonly publish: <Params, Message>(
    topic: TopicRef<Params, Message>,
    params: NoInfer<Params>,
    message: NoInfer<Message>,
    options?: { readonly idempotencyKey?: string | undefined },
  ) => Promise<Position | undefined>
  /** Takes the newest message of a key out of a `latestBy` topic. */
  readonly retract: <Params>(topic: TopicRef<Params, never>, params: NoInfer<Params>, key: string) => Promise<void>
}

/** The client at the other end of a call. */
export interface CallSession {
  /** The public id of the session; everybody may see it. */
  readonly id: string
  /** What `authenticate` returned as `identity`. */
  readonly identity: string | undefined
  /** The client's network address; `undefined` where the transport has none. */
  readonly address: string | undefined
}

/** Makes errors for a handler that declares none. */
export type RaiseCanonical = (
  code: CanonicalCode,
  message?: string,
  options?: ErrorOptions,
) => TautlineError<CanonicalCode>

/** What a handler sees of the call that it answers. */
export interface Call<Context = unknown, Raise = RaiseCanonical> extends Publisher {
  /** The entry of the contract that is called. */
  readonly entry: AnyEntry
  /** What `authenticate` returned, or what an interceptor or `narrow` put in its place. */
  readonly context: Context
  /** Fires on cancel, deadline, revoked authentication and a session that is lost; never on a drop that is resumed. */
  readonly signal: AbortSignal
  /** When `signal` fires at the latest, in ms since the epoch; `undefined` when never. */
  readonly deadline: number | undefined
  /** The strings that the client sent along. */
  readonly headers: Readonly<Record<string, string>>
  readonly session: CallSession
  /** Makes an error to throw: a declared code with its data, or a canonical one with a message. */
  readonly error: Raise
}

/** What the handler of a stream with items up sees. */
export interface UpCall<Context, Raise, Item> extends Call<Context, Raise> {
  /** The items the client sends, taken from it only as fast as they are read here. Can be read once. */
  readonly up: AsyncIterable<Item, void, undefined>
}

/** What an interceptor sees of a call, a stream, a subscription or a publish. */
export interface Intercepted<Context = unknown> extends Call<Context> {
  readonly action: 'call' | 'subscribe' | 'publish'
  /** The parsed input, or the parsed params of a topic. */
  readonly input: unknown
}

/**
 * Wraps every call, stream, subscription and publish. Throwing refuses; `next()` goes on and resolves when the whole
 * exchange is over (for a topic: when it is decided), `next({ context })` goes on with another context. `next` may be
 * called once. What an interceptor returns is not looked at.
 */
export type Interceptor<Context = unknown> = (
  call: Intercepted<Context>,
  next: (change?: { readonly context: Context }) => Promise<unknown>,
) => unknown

/**
 * The type of `anyone`, which says in so many words that everybody is let in. What it "returns" fits wherever somebody
 * decides who may enter (as `authenticate` it gives the context `undefined`), and is made by nobody else by mistake.
 */
export type Anyone = () => Promise<void> & { readonly context: undefined }
