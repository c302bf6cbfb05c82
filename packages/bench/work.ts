/** The work that every server is given: small objects, as applications send them. */

export interface Post {
  readonly room: string
  readonly text: string
}

export interface Message {
  readonly id: string
  readonly author: string
  readonly text: string
}

/** What a small call sends. */
export const POST: Post = { room: 'lobby', text: 'hello, everybody' }

/** What a stream yields and a topic publishes. */
export const MESSAGE: Message = { id: 'm-12345678', author: 'ada', text: 'hello, everybody' }

/** Binary for the echo: 1 MiB, less room for the head of the frame, so that it fits a limit of 1 MiB. */
export const BLOB = new Uint8Array(1_048_576 - 1_024).fill(7)

/** Answers a small call. Synchronous, so that who awaits does so by choice. */
export function post({ text }: Post): Message {
  return { id: 'm-12345678', author: 'ada', text }
}

/** The items of a stream. */
export async function* items(count: number): AsyncGenerator<Message, void, undefined> {
  for (let i = 0; i < count; i++) yield { ...MESSAGE }
}
