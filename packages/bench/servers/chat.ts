import * as z from 'zod'
import { Blob, Count, Message, Post } from './schemas.ts'

const ENTRIES_AT_WORK = 4

/**
 * The work as a contract; made by the core that is measured, which may be another checkout's.
 *
 * @param entries - how many it has in all, for who wants to know what a large contract costs: nobody calls the others.
 */
export function chatOf({ contract, procedure, stream, topic }: typeof import('@tautline/core'), entries = 0) {
  const idle = procedure({ input: Post, output: Message })
  return contract({
    rooms: {
      post: procedure({ input: Post, output: Message }),
      echo: procedure({ input: Blob, output: Blob }),
      export: stream({ input: Count, down: Message }),
      feed: topic({ params: z.object({ room: z.string() }), message: Message, retain: { count: 500 } }),
    },
    idle: Object.fromEntries(
      Array.from({ length: Math.max(0, entries - ENTRIES_AT_WORK) }, (_, i) => [`idle${i}`, idle]),
    ),
  })
}
