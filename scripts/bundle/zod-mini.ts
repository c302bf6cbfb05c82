/** The same page with the contract in it, and zod/mini. */
import { connect, contract, procedure, topic } from '@tautline/client'
import * as z from 'zod/mini'

const Room = z.object({ room: z.string() })
const Message = z.object({ author: z.string(), text: z.string(), at: z.date() })

const chat = contract({
  rooms: {
    post: procedure({ input: z.extend(Room, { text: z.string() }), output: Message }),
    feed: topic({ params: Room, message: Message }),
  },
})

const { api } = connect(chat, { url: '/live' })
api.rooms.feed({ room: 'lobby' }).subscribe(message => document.body.append(message.text))

const { at } = await api.rooms.post({ room: 'lobby', text: 'hi' })
document.body.append(at.toISOString())
