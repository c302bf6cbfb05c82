import { contract, topic } from '@tautline/core'
import { type Handlers, type ServeOptions, TautlineError } from '@tautline/server'
import * as z from 'zod'
import { Pair, type Transport } from './pair.ts'

const Room = z.object({ room: z.string() })

/** One topic of each kind of memory. */
export const rooms = contract({
  feed: topic({
    params: Room,
    message: z.object({ n: z.number(), at: z.date().optional() }),
    publish: z.object({ n: z.number() }),
    presence: z.object({ name: z.string() }),
    retain: { count: 2_000 },
  }),
  short: topic({ params: Room, message: z.number(), retain: { count: 5 } }),
  pulse: topic({ params: Room, message: z.number() }),
  positions: topic({
    params: Room,
    message: z.object({ who: z.string(), x: z.number() }),
    publish: z.object({ x: z.number() }),
    retain: { latestBy: m => m.who, owned: true },
  }),
})

type Context = { readonly name: string }

/** Nobody enters the room `closed`. The token is the name. */
const handlers: Handlers<typeof rooms, Context> = {
  feed: {
    subscribe: mayEnter,
    publish: (_, { n }) => ({ n, at: new Date(n) }),
    presence: (_, { context }) => ({ name: context.name }),
  },
  short: { subscribe: mayEnter },
  pulse: { subscribe: mayEnter },
  positions: { subscribe: mayEnter, publish: (_, { x }, { context }) => ({ who: context.name, x }) },
}

const closed = new Set(['closed'])

function mayEnter({ room }: { readonly room: string }): void {
  if (closed.has(room)) throw new TautlineError('PERMISSION_DENIED', 'the room is closed')
}

/** Closes a room, or opens it. */
export function setClosed(room: string, isClosed: boolean): void {
  if (isClosed) closed.add(room)
  else closed.delete(room)
}

/** A server of rooms, with clients named by their token. */
export function roomsOn(transport: Transport, options: Partial<ServeOptions<Context>> = {}) {
  const authenticate = ({ token = 'nobody' }: { readonly token: string | undefined }) => {
    return { context: { name: token }, identity: token }
  }
  return Pair.open<typeof rooms, Context>(transport, rooms, { authenticate, ...options }, handlers)
}
