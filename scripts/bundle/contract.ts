import { contract, procedure, topic } from '@tautline/core'
import * as z from 'zod'

const Room = z.object({ room: z.string() })
const Message = z.object({ author: z.string(), text: z.string(), at: z.date() })

/** What the page in the bundle talks about. */
export const chat = contract({
  rooms: {
    post: procedure({ input: Room.extend({ text: z.string() }), output: Message }),
    feed: topic({ params: Room, message: Message }),
  },
})
