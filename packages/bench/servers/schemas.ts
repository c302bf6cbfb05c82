/** The same schemas for every server that validates. */
import * as z from 'zod'

export const Post = z.object({ room: z.string(), text: z.string() })
export const Message = z.object({ id: z.string(), author: z.string(), text: z.string() })
export const Count = z.number()
export const Blob = z.instanceof(Uint8Array)
