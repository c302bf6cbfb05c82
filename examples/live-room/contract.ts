import { contract, procedure, stream, topic } from '@tautline/core'
import * as z from 'zod'

/** The hall is always open. The desk opens for a few seconds now and then, so that there is a closed room to knock at. */
const Room = z.object({ room: z.enum(['hall', 'desk']) })

const Person = z.object({
  id: z.string().min(8).max(32),
  name: z.string().trim().min(1).max(24),
  hue: z.int().min(0).max(359),
  scripted: z.boolean().optional(),
})

/** Authors number what they say in a channel, so that every page can count what it missed and what it saw twice. */
const seq = z.int().positive()
const text = z.string().trim().min(1)

const Message = z.object({ author: Person, seq, text, at: z.date() })
const Comment = z.object({ author: Person, seq, text })
const Beat = z.object({ source: z.string(), seq, level: z.number().min(0).max(1) })
const Cursor = z.object({ who: Person, x: z.number(), y: z.number() })
const place = z.number().min(0).max(1)

export const live = contract({
  rooms: {
    /** Says something in a room. The feed brings it to everybody, the author included. */
    post: procedure({
      input: Room.extend({ seq, text: text.max(500) }),
      errors: { ROOM_CLOSED: z.object({ until: z.date() }) },
      idempotent: true,
    }),
    /** What was said in a room, and who is there. */
    feed: topic({
      params: Room,
      message: Message,
      presence: z.object({ who: Person }),
      retain: { count: 500, seconds: 3_600 },
    }),
  },
  stage: {
    /** Comments that fly over the picture. */
    comments: topic({
      params: Room,
      message: Comment,
      publish: z.object({ seq, text: text.max(80) }),
      retain: { count: 500, seconds: 60 },
    }),
    /** Where everybody points, from the picture's top left (0, 0) to its bottom right (1, 1). */
    cursors: topic({
      params: Room,
      message: Cursor,
      publish: z.object({ x: place, y: place }),
      retain: { latestBy: cursor => cursor.who.id, seconds: 60, owned: true },
    }),
    /** What moves the picture: ten numbered beats a second. */
    beats: topic({ params: Room, message: Beat, retain: { count: 600 } }),
  },
  assistant: {
    /** Answers word by word. Whoever has the first words already says so, and gets the rest. */
    ask: stream({
      input: z.object({ question: text.max(200), after: z.int().nonnegative().default(0) }),
      down: z.object({ seq, word: z.string() }),
      result: z.object({ words: z.int() }),
    }),
  },
  files: {
    /** Takes a file, hashes it and throws it away. */
    send: stream({
      input: z.object({ name: z.string().max(255), size: z.int().nonnegative() }),
      up: z.instanceof(Uint8Array),
      down: z.object({ seq, received: z.int() }),
      result: z.object({ sha256: z.string(), received: z.int() }),
      errors: { TOO_LARGE: z.object({ limit: z.int() }) },
    }),
  },
})

export type Live = typeof live
export type Visitor = z.infer<typeof Person>
export type RoomName = z.infer<typeof Room>['room']
export const Visitor = Person
