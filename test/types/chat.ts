import { contract, procedure, stream, topic } from '@tautline/core'
import * as z from 'zod'

const Message = z.object({ id: z.string(), author: z.string(), text: z.string(), at: z.date() })
const Room = z.object({ room: z.string() })

/** The contract of the documentation, for the tests of types. */
export const chat = contract({
  rooms: {
    /** Posts a message to a room. */
    post: procedure({
      input: Room.extend({ text: z.string().min(1).max(2000) }),
      output: Message,
      errors: { ROOM_CLOSED: z.object({ until: z.date() }), MUTED: null },
    }),
    search: procedure({ input: Room.extend({ query: z.string() }), output: z.array(Message), idempotent: true }),

    /** Every message of a room, oldest first; the result says how many there were. */
    export: stream({ input: Room, down: Message, result: z.object({ count: z.number() }) }),

    /** Sends a file in chunks, with progress coming back. */
    upload: stream({
      input: z.object({ name: z.string() }),
      up: z.instanceof(Uint8Array),
      down: z.object({ received: z.number() }),
      result: z.object({ sha256: z.string() }),
    }),

    /** The room, live. Clients send a text; the server makes the message. */
    feed: topic({
      params: Room,
      message: Message,
      publish: z.object({ text: z.string() }),
      presence: z.object({ name: z.string() }),
      retain: { count: 500, seconds: 600 },
    }),

    /** Where everybody is: only the newest position per person matters. */
    positions: topic({
      params: Room,
      message: z.object({ who: z.string(), x: z.number(), y: z.number() }),
      publish: z.object({ x: z.number(), y: z.number() }),
      retain: { latestBy: m => m.who, seconds: 60, owned: true },
    }),

    /** What the server has to say; nobody else may. */
    news: topic({ params: Room, message: Message }),
  },

  /** Is anybody there? */
  ping: procedure({}),
})
