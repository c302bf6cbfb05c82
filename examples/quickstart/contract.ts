import { contract, procedure, stream, topic } from '@tautline/core'
import * as z from 'zod'

const Room = z.object({ room: z.string() })
const Message = z.object({ author: z.string(), text: z.string().min(1), at: z.date() })

export const chat = contract({
  post: procedure({ input: Room.extend({ author: z.string(), text: z.string() }) }),
  ask: stream({ input: z.object({ question: z.string() }), down: z.string() }),
  feed: topic({ params: Room, message: Message, retain: { count: 100 } }),
})
