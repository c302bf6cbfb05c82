/** Every conditional type of Tautline. The rest of the types are interfaces; what these cost is measured by `npm run perf:types`. */
import type {
  Answer,
  CallOptions,
  Channel,
  HasPresence,
  Publishes,
  Reading,
  StreamOptions,
  UpOptions,
} from './client-types.ts'
import type { CanonicalCode, TautlineError } from './errors.ts'
import type { Schema } from './schema.ts'
import type { Call, Interceptor, RaiseCanonical, UpCall } from './server-types.ts'

/** What a schema takes. */
export type In<S> = S extends Schema ? NonNullable<S['~standard']['types']>['input'] : undefined

/** What a schema makes of it. */
export type Out<S> = S extends Schema ? NonNullable<S['~standard']['types']>['output'] : undefined

/** What a caller gets; `void` where nothing is declared. */
type Got<S> = S extends Schema ? Out<S> : void

/** What a handler gives; `void` where nothing is declared. */
type Given<S> = S extends Schema ? In<S> : void

/** One of the parts that a stream or topic may have. */
type Part<Parts, Name extends string> = Parts extends { readonly [N in Name]: infer S } ? S : undefined

/** What tells an entry from a group. `'~client'` exists for the compiler only, here and in every definition. */
export interface Definition {
  readonly kind: string
  readonly '~client': unknown
}

interface AnyProcedure {
  readonly kind: 'procedure'
  readonly input: unknown
  readonly output: unknown
  readonly errors: unknown
}

interface AnyStream {
  readonly kind: 'stream'
  readonly '~parts': unknown
}

interface AnyTopic {
  readonly kind: 'topic'
  readonly '~parts': unknown
}

// ── what a client calls ──

/**
 * What a client calls: the contract's tree with a function in the place of each entry.
 *
 * `interface RoomsApi extends Api<typeof chat.rooms> {}` gives it a short name in error messages.
 */
export type Api<T> = T extends Definition ? T['~client'] : { readonly [K in keyof T]: Api<T[K]> }

/** A procedure's function. */
export type ProcedureClient<I, O, E> =
  undefined extends In<I>
    ? (input?: In<I>, options?: CallOptions) => AnswerTo<O, E>
    : (input: In<I>, options?: CallOptions) => AnswerTo<O, E>

/** A stream's function. */
export type StreamClient<P> = P extends { readonly up: Schema }
  ? (input: In<Part<P, 'input'>>, options: UpOptions<In<P['up']>>) => ReadingOf<P>
  : undefined extends In<Part<P, 'input'>>
    ? (input?: In<Part<P, 'input'>>, options?: StreamOptions) => ReadingOf<P>
    : (input: In<Part<P, 'input'>>, options?: StreamOptions) => ReadingOf<P>

/** A topic's function. Conditional only so that editors show what it comes to, and not this name. */
export type TopicClient<P> = P extends { readonly params: infer S } ? (params: In<S>) => ChannelOf<P> : never

type AnswerTo<O, E> = E extends object ? Answer<Got<O>, Declared<E>> : Promise<Got<O>>

type ReadingOf<P> = P extends { readonly down: Schema }
  ? Reading<Out<P['down']>, Got<Part<P, 'result'>>, Declared<Part<P, 'errors'>>>
  : AnswerTo<Part<P, 'result'>, Part<P, 'errors'>>

type ChannelOf<P> = P extends { readonly publish: Schema }
  ? P extends { readonly presence: Schema }
    ? Channel<Received<P>> & Publishes<In<P['publish']>> & HasPresence<Out<P['presence']>>
    : Channel<Received<P>> & Publishes<In<P['publish']>>
  : P extends { readonly presence: Schema }
    ? Channel<Received<P>> & HasPresence<Out<P['presence']>>
    : Channel<Received<P>>

type Received<P> = Out<Part<P, 'message'>>

/** The errors that `E` declares, as a caller meets them. */
type Declared<E> = E extends object ? { [Code in keyof E]: TautlineError<Code & string, Out<E[Code]>> }[keyof E] : never

// ── what a server answers with ──

/**
 * The handlers of a contract, a group or one entry: a plain object of the same shape. `Context` is what `authenticate`
 * returns.
 */
export type Handlers<T, Context = undefined> = T extends AnyProcedure
  ? (
      input: Out<T['input']>,
      call: Call<Context, RaiseOf<T['errors']>>,
    ) => Given<T['output']> | Promise<Given<T['output']>>
  : T extends AnyStream
    ? StreamHandler<T['~parts'], Context>
    : T extends AnyTopic
      ? TopicHandlers<T['~parts'], Context>
      : Within<Context> & { readonly [K in keyof T]: Handlers<T[K], Context> }

/**
 * Marks a group of handlers with its context, for the compiler only: so `narrow` can infer the context around it, and a
 * context that does not fit is said in one line instead of by comparing every handler.
 */
export interface Within<Context> {
  readonly '~context'?: (context: Context) => void
}

type StreamHandler<P, Context> = P extends { readonly down: Schema }
  ? (
      input: Out<Part<P, 'input'>>,
      call: StreamCall<P, Context>,
    ) => P extends { readonly result: Schema }
      ? AsyncGenerator<In<P['down']>, In<P['result']>, undefined>
      : AsyncIterable<In<P['down']>, unknown, undefined>
  : (
      input: Out<Part<P, 'input'>>,
      call: StreamCall<P, Context>,
    ) => Given<Part<P, 'result'>> | Promise<Given<Part<P, 'result'>>>

type StreamCall<P, Context> = P extends { readonly up: Schema }
  ? UpCall<Context, RaiseOf<Part<P, 'errors'>>, Out<P['up']>>
  : Call<Context, RaiseOf<Part<P, 'errors'>>>

type TopicHandlers<P, Context> = {
  /** Throws to refuse. Decides about reading: subscribing, rewinding and who is there. `anyone` lets all in. */
  readonly subscribe: (params: Out<Part<P, 'params'>>, call: Call<Context>) => void | Promise<void>
} & (P extends { readonly publish: Schema } ? PublishHandler<P, Context> : unknown) &
  (P extends { readonly presence: Schema } ? PresenceHandler<P, Context> : unknown)

interface PublishHandler<P, Context> {
  /** Throws to refuse, and makes the message of what a client sent. */
  readonly publish: (
    params: Out<Part<P, 'params'>>,
    message: Out<Part<P, 'publish'>>,
    call: Call<Context>,
  ) => In<Part<P, 'message'>> | Promise<In<Part<P, 'message'>>>
}

interface PresenceHandler<P, Context> {
  /** What others see of this subscriber. */
  readonly presence: (
    params: Out<Part<P, 'params'>>,
    call: Call<Context>,
  ) => In<Part<P, 'presence'>> | Promise<In<Part<P, 'presence'>>>
}

type RaiseOf<E> = E extends object ? Raise<E> : RaiseCanonical

/** Makes errors for a handler that declares some: `error(code, data, message?)`, or `error(code, message?)` without data. */
export type Raise<E> = <Code extends CanonicalCode | (keyof E & string)>(
  code: Code,
  ...details: RaiseDetails<E, Code>
) => TautlineError<Code>

type RaiseDetails<E, Code> = Code extends keyof E
  ? E[Code] extends Schema
    ? [data: In<E[Code]>, message?: string, options?: ErrorOptions]
    : [message?: string, options?: ErrorOptions]
  : [message?: string, options?: ErrorOptions]

// ── what an application asks of one entry: Input<typeof chat.rooms.post> ──

/** What the caller of a procedure or stream sends. */
export type Input<T> = T extends { readonly '~client': (input: infer I, ...rest: never) => unknown } ? I : never

/** What the caller of a procedure gets, or of a stream when it ends. */
export type Output<T> = T extends { readonly output: infer O }
  ? Got<O>
  : T extends AnyStream
    ? Got<Part<T['~parts'], 'result'>>
    : never

/** One item of a stream, as its reader gets it. */
export type Item<T> = T extends AnyStream ? Out<Part<T['~parts'], 'down'>> : never

/** One item that the caller of a stream sends up. */
export type UpItem<T> = T extends AnyStream ? In<Part<T['~parts'], 'up'>> : never

/** The params of a topic. */
export type Params<T> = T extends AnyTopic ? In<Part<T['~parts'], 'params'>> : never

/** A message of a topic, as its subscribers get it. */
export type Message<T> = T extends AnyTopic ? Received<T['~parts']> : never

/** The errors that a procedure or stream declares. */
export type Errors<T> = T extends { readonly errors: infer E }
  ? Declared<E>
  : T extends AnyStream
    ? Declared<Part<T['~parts'], 'errors'>>
    : never

/**
 * Interceptors of a server whose context is `Context`. While the compiler has not looked into `authenticate` yet, that
 * is `never`, and those of any context must fit.
 */
export type Interceptors<Context> = [Context] extends [never]
  ? // biome-ignore lint/suspicious/noExplicitAny: an interceptor hands contexts out as well as in, so nothing else fits all
    readonly Interceptor<any>[]
  : readonly Interceptor<Context>[]
