/** What the types are where nothing is wrong. Checked by the compiler; nothing here runs. */

import { connect, type Outline, safe } from '@tautline/client'
import {
  type Answer,
  type Api,
  type CallOptions,
  type CanonicalCode,
  type Channel,
  contract,
  type Errors,
  type HasPresence,
  type Input,
  type Item,
  type Member,
  type Message,
  type Output,
  type Params,
  type Position,
  type Publishes,
  procedure,
  stream,
  type TautlineError,
  topic,
  type UpItem,
} from '@tautline/core'
import { anyone, type Handlers, type Interceptor, narrow, serve } from '@tautline/server'
import { type } from 'arktype'
import * as v from 'valibot'
import { expectTypeOf } from 'vitest'
import * as z from 'zod'
import * as mini from 'zod/mini'
import { chat } from './chat.ts'

type Chat = typeof chat
type ChatMessage = { id: string; author: string; text: string; at: Date }
type User = { id: string; name: string }
type Context = { user: User }

const { api, connection } = connect(chat, { url: '/live', token: async () => 'token' })

// ── the client ──

export async function calls(): Promise<void> {
  const answer = api.rooms.post(
    { room: 'lobby', text: 'hi' },
    { timeout: 5_000, idempotencyKey: 'k', headers: { a: 'b' } },
  )
  type RoomErrors = TautlineError<'ROOM_CLOSED', { until: Date }> | TautlineError<'MUTED', undefined>
  expectTypeOf(answer).toEqualTypeOf<Answer<ChatMessage, RoomErrors>>()
  expectTypeOf(await answer).toEqualTypeOf<ChatMessage>()
  expectTypeOf(api.rooms.search({ room: 'a', query: 'b' })).toEqualTypeOf<Promise<ChatMessage[]>>()
  expectTypeOf(api.ping()).toEqualTypeOf<Promise<void>>()
  expectTypeOf(api.ping).toEqualTypeOf<(input?: undefined, options?: CallOptions) => Promise<void>>()
}

export function narrowing(
  error:
    | TautlineError<'ROOM_CLOSED', { until: Date }>
    | TautlineError<'MUTED', undefined>
    | TautlineError<CanonicalCode>,
): void {
  if (error.code === 'ROOM_CLOSED') expectTypeOf(error.data).toEqualTypeOf<{ until: Date }>()
  if (error.code === 'MUTED') expectTypeOf(error.data).toEqualTypeOf<undefined>()
  if (error.code === 'INVALID_ARGUMENT') expectTypeOf(error.data).toEqualTypeOf<unknown>()
}

export async function outcomes(): Promise<void> {
  const posted = await safe(api.rooms.post({ room: 'lobby', text: 'hi' }))
  if (posted.ok) expectTypeOf(posted.value).toEqualTypeOf<ChatMessage>()
  else if (posted.error.code === 'ROOM_CLOSED') expectTypeOf(posted.error.data.until).toEqualTypeOf<Date>()
  else expectTypeOf(posted.error.code).toEqualTypeOf<'MUTED' | CanonicalCode>()
  const pinged = await safe(api.ping())
  if (!pinged.ok) expectTypeOf(pinged.error).toEqualTypeOf<TautlineError<CanonicalCode>>()
}

export function outline(outline: Outline): void {
  expectTypeOf(connect<Chat>(outline, { url: '/live' }).api).toEqualTypeOf<Api<Chat>>()
  connection.on('state', ({ status }) => expectTypeOf(status).toBeString())
}

export async function streams(file: Blob): Promise<void> {
  const rows = api.rooms.export({ room: 'lobby' })
  for await (const row of rows) expectTypeOf(row).toEqualTypeOf<ChatMessage>()
  expectTypeOf((await rows.result).count).toEqualTypeOf<number>()
  for await (const { received } of api.rooms.upload({ name: 'a' }, { up: file.stream() }))
    expectTypeOf(received).toBeNumber()
  api.rooms.upload({ name: 'a' }, { up: [new Uint8Array(1)], signal: AbortSignal.timeout(1) })
  api.rooms.upload(
    { name: 'a' },
    {
      up: (async function* () {
        yield new Uint8Array(1)
      })(),
    },
  )
}

export async function topics(): Promise<void> {
  const feed = api.rooms.feed({ room: 'lobby' })
  expectTypeOf(feed).toEqualTypeOf<Channel<ChatMessage> & Publishes<{ text: string }> & HasPresence<{ name: string }>>()
  using subscription = feed.subscribe(message => expectTypeOf(message).toEqualTypeOf<ChatMessage>(), {
    rewind: 50,
    onGap: () => undefined,
    onError: error => expectTypeOf(error).toEqualTypeOf<TautlineError>(),
  })
  await subscription.ready
  expectTypeOf(subscription.position).toEqualTypeOf<Position | undefined>()
  for await (const message of feed.messages({ since: subscription.position }))
    expectTypeOf(message).toEqualTypeOf<ChatMessage>()
  for await (const message of feed) expectTypeOf(message).toEqualTypeOf<ChatMessage>()
  expectTypeOf(await feed.publish({ text: 'hi' }, { volatile: true })).toEqualTypeOf<Position | undefined>()
  feed.presence.subscribe((members, { count }) => {
    expectTypeOf(members).toEqualTypeOf<readonly Member<{ name: string }>[]>()
    expectTypeOf(members[0]?.id).toEqualTypeOf<string | undefined>()
    expectTypeOf(count).toBeNumber()
  })
}

// ── the server ──

export const rooms: Handlers<typeof chat.rooms, Context> = {
  async post({ room, text }, call) {
    expectTypeOf(call.context).toEqualTypeOf<Context>()
    if (room === '') throw call.error('ROOM_CLOSED', { until: new Date() }, 'closed', { cause: room })
    if (room === 'a') throw call.error('MUTED')
    if (room === 'b') throw call.error('PERMISSION_DENIED', 'members only')
    const message = { id: '1', author: call.context.user.name, text, at: new Date() }
    await call.publish(chat.rooms.feed, { room }, message, { idempotencyKey: message.id })
    await call.retract(chat.rooms.positions, { room }, 'ada')
    return message
  },
  search: ({ query }, { signal, headers, deadline, session }) => {
    expectTypeOf(query).toBeString()
    expectTypeOf({ signal, headers, deadline }).toEqualTypeOf<{
      signal: AbortSignal
      headers: Readonly<Record<string, string>>
      deadline: number | undefined
    }>()
    expectTypeOf(session.identity).toEqualTypeOf<string | undefined>()
    return []
  },
  async *export({ room }) {
    yield { id: '1', author: '', text: room, at: new Date() }
    return { count: 1 }
  },
  async *upload({ name }, { up }) {
    for await (const chunk of up) yield { received: chunk.length }
    return { sha256: name }
  },
  feed: {
    subscribe({ room }, { context }) {
      if (room !== context.user.name) throw new Error('no')
    },
    publish: ({ room }, { text }, { context }) => ({ id: room, author: context.user.name, text, at: new Date() }),
    presence: (_, { context }) => ({ name: context.user.name }),
  },
  positions: { subscribe: anyone, publish: async (_, { x, y }, { context }) => ({ who: context.user.id, x, y }) },
  news: { subscribe: async () => undefined },
}

declare const verify: (token: string) => Promise<User>
declare const admins: Handlers<typeof chat.rooms, { admin: string }>

serve(
  chat,
  { authenticate: async ({ token = '' }) => ({ context: { user: await verify(token) } }) },
  { rooms, ping() {} },
)
serve(
  chat,
  { authenticate: anyone },
  {
    rooms: {} as Handlers<typeof chat.rooms>,
    ping(_, call) {
      expectTypeOf(call.context).toEqualTypeOf<undefined>()
    },
  },
)
serve(
  chat,
  {
    authenticate: () => ({ context: { user: { id: '', name: '' } } }),
    interceptors: [
      async (call, next) => {
        expectTypeOf(call.context.user.name).toBeString()
        if (call.entry.meta?.admin === true) throw call.error('PERMISSION_DENIED')
        await next({ context: call.context })
      },
    ],
  },
  {
    rooms: narrow(chat.rooms, async ({ user }) => ({ admin: user.name }), admins),
    ping: narrow(
      chat.ping,
      ({ user }) => ({ admin: user.id }),
      (_, { context }) => {
        expectTypeOf(context).toEqualTypeOf<{ admin: string }>()
      },
    ),
  },
)

/** Narrowing knows the context around it wherever it stands: a group, a procedure, a stream, a topic. */
export const narrowed: Handlers<typeof chat.rooms, Context> = {
  ...rooms,
  search: narrow(
    chat.rooms.search,
    context => context.user,
    (_, call) => (call.context.id === '' ? [] : []),
  ),
  export: narrow(
    chat.rooms.export,
    async ({ user }) => user.id,
    async function* (_, { context }) {
      yield { id: context, author: '', text: '', at: new Date() }
      return { count: 1 }
    },
  ),
  positions: narrow(chat.rooms.positions, ({ user }) => user.id, {
    subscribe: anyone,
    publish: (_, { x, y }, { context }) => ({ who: context, x, y }),
  }),
}

/** A handler of a stream without `down` is a plain function, and without `result` any iterable will do. */
const Flow = contract({
  sink: stream({ up: z.string(), result: z.number() }),
  drain: stream({ input: z.string(), up: z.string() }),
  source: stream({ down: z.string(), errors: { DRY: null } }),
})
export const flow: Handlers<typeof Flow> = {
  async sink(_, { up }) {
    let count = 0
    for await (const item of up) count += item.length
    return count
  },
  drain: async (_, { up }) => {
    for await (const item of up) expectTypeOf(item).toBeString()
  },
  source: (_, call) => {
    if (call.deadline) throw call.error('DRY')
    return (async function* () {
      yield 'a'
    })()
  },
}
export async function plainStreams(api: Api<typeof Flow>): Promise<void> {
  expectTypeOf(api.sink(undefined, { up: ['a'] })).toEqualTypeOf<Promise<number>>()
  expectTypeOf(api.drain('a', { up: ['a'] })).toEqualTypeOf<Promise<void>>()
  expectTypeOf(api.source().result).toEqualTypeOf<Answer<void, TautlineError<'DRY', undefined>>>()
}

// ── what an application asks of one entry ──

expectTypeOf<Input<Chat['rooms']['post']>>().toEqualTypeOf<{ room: string; text: string }>()
expectTypeOf<Output<Chat['rooms']['post']>>().toEqualTypeOf<ChatMessage>()
expectTypeOf<Output<Chat['rooms']['export']>>().toEqualTypeOf<{ count: number }>()
expectTypeOf<Item<Chat['rooms']['export']>>().toEqualTypeOf<ChatMessage>()
expectTypeOf<UpItem<Chat['rooms']['upload']>>().toEqualTypeOf<Uint8Array<ArrayBuffer>>()
expectTypeOf<Params<Chat['rooms']['feed']>>().toEqualTypeOf<{ room: string }>()
expectTypeOf<Message<Chat['rooms']['feed']>>().toEqualTypeOf<ChatMessage>()
expectTypeOf<Errors<Chat['rooms']['post']>>().toEqualTypeOf<
  TautlineError<'ROOM_CLOSED', { until: Date }> | TautlineError<'MUTED', undefined>
>()
expectTypeOf<Errors<Chat['rooms']['search']>>().toEqualTypeOf<never>()

// ── in and out differ where a schema changes what it takes, whoever wrote the validator ──

const validators = contract({
  zod: procedure({
    input: z.object({ n: z.string().transform(Number) }),
    output: z.object({ at: z.string().transform(text => new Date(text)) }),
  }),
  mini: procedure({
    input: mini.object({ n: mini.pipe(mini.string(), mini.transform(Number)) }),
    output: mini.object({
      at: mini.pipe(
        mini.string(),
        mini.transform((text: string) => new Date(text)),
      ),
    }),
  }),
  valibot: procedure({
    input: v.object({ n: v.pipe(v.string(), v.transform(Number)) }),
    output: v.object({
      at: v.pipe(
        v.string(),
        v.transform(text => new Date(text)),
      ),
    }),
  }),
  arktype: procedure({ input: type({ n: 'string.numeric.parse' }), output: type({ at: 'string.date.parse' }) }),
})
type Expected = (input: { n: string }, options?: CallOptions) => Promise<{ at: Date }>
expectTypeOf<Api<typeof validators>>().toEqualTypeOf<{
  readonly zod: Expected
  readonly mini: Expected
  readonly valibot: Expected
  readonly arktype: Expected
}>()
export const parsed: Handlers<typeof validators> = {
  zod: ({ n }) => ({ at: n.toFixed() }),
  mini: ({ n }) => ({ at: n.toFixed() }),
  valibot: ({ n }) => ({ at: n.toFixed() }),
  arktype: ({ n }) => ({ at: n.toFixed() }),
}

/** An input that may be left out may be left out. */
const optional = contract({ list: procedure({ input: z.object({ page: z.number() }).optional(), output: z.string() }) })
export const listed = (api: Api<typeof optional>) => [
  api.list(),
  api.list({ page: 1 }),
  api.list(undefined, { timeout: 5 }),
]

/** Spreading keeps every type. */
const both = contract({ ...chat, more: { ...chat.rooms, ...validators } })
expectTypeOf<Api<typeof both>['more']['post']>().toEqualTypeOf<Api<Chat>['rooms']['post']>()

/** What is retained may be said in each way. */
export const retained = [
  topic({ params: z.string(), message: z.string(), retain: { count: 5 } }),
  topic({ params: z.string(), message: z.string(), retain: { seconds: 5 } }),
  topic({ params: z.string(), message: z.string(), retain: { count: 5, seconds: 5 } }),
  topic({
    params: z.string(),
    message: z.string(),
    retain: { latestBy: m => m.toUpperCase(), seconds: 5, owned: true },
  }),
]

const one = contract({ ping: procedure({}) })

// Interceptors that were written elsewhere, beside an `authenticate` that looks at its request.
const logged: Interceptor<{ user: { id: string; name: string } }> = (call, next) => next({ context: call.context })
const forAdmins: Interceptor<{ admin: string }> = (_, next) => next()
serve(
  one,
  { authenticate: async ({ token }) => ({ context: { user: { id: token ?? '', name: '' } } }), interceptors: [logged] },
  {
    ping(_, call) {
      expectTypeOf(call.context.user.name).toBeString()
    },
  },
)
serve(
  one,
  {
    authenticate: async ({ token }) => ({ context: { user: { id: token ?? '', name: '' } } }),
    // @ts-expect-error nobody gives it an `admin`
    interceptors: [forAdmins],
  },
  {
    ping(_, call) {
      expectTypeOf(call.context.user.name).toBeString()
    },
  },
)
