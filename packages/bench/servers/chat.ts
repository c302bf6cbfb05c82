import * as z from 'zod'
import { Blob, Count, Message, Post } from './schemas.ts'

/** The work as a contract; made by the core that is measured, which may be another checkout's. */
export function chatOf({ contract, procedure, stream, topic }: typeof import('@tautline/core'), entries = 0) {
  const idle = procedure({ input: Post, output: Message })
  return contract({
    rooms: {
      post: procedure({ input: Post, output: Message }),
      echo: procedure({ input: Blob, output: Blob }),
      export: stream({ input: Count, down: Message }),
      feed: topic({ params: z.object({ room: z.string() }), message: Message, retain: { count: 500 } }),
    },
    /** Entries that nobody calls, for who wants to know what a large contract costs. */
    idle: Object.fromEntries(Array.from({ length: entries }, (_, i) => [`idle${i}`, idle])),
  })
}
