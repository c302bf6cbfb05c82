import { contract, procedure, stream, topic } from '@tautline/core'
import * as z from 'zod'

/** What the server under siege offers: something of each kind, and something that costs. */
export const fort = contract({
  echo: procedure({ input: z.string(), output: z.string() }),
  /** Every item of it may be wrong in three ways. */
  order: procedure({
    input: z.array(z.strictObject({ id: z.number(), name: z.string().min(3), tags: z.array(z.string()) })),
    output: z.number(),
  }),
  /** Answers when its caller loses interest. */
  hold: procedure({ input: z.unknown() }),
  /** Reads nothing that is sent to it, for as long as its caller has any interest. */
  sink: stream({ up: z.number() }),
  noise: stream({ down: z.instanceof(Uint8Array) }),
  /** A number that nobody had before, and so many bytes. */
  ticket: procedure({ input: z.number(), output: z.string() }),
  feed: topic({ params: z.object({ room: z.string() }), message: z.instanceof(Uint8Array), retain: { count: 100 } }),
  lobby: topic({ params: z.string(), message: z.null(), presence: z.null() }),
})
