import { contract, procedure, stream, topic } from '@tautline/core'
import * as z from 'zod'
import { anyone } from '../../src/handlers.ts'
import type { ServeOptions } from '../../src/options.ts'
import { serve } from '../../src/serve.ts'
import type { Server } from '../../src/server.ts'

/** One entry of each shape, and one that takes as long as the test wants. */
export const house = contract({
  echo: procedure({ input: z.string(), output: z.string() }),
  whoami: procedure({ output: z.unknown() }),
  wait: procedure({ input: z.string(), output: z.string() }),
  count: stream({ input: z.number(), down: z.number() }),
  news: topic({ params: z.object({ desk: z.string() }), message: z.string(), retain: { count: 10 } }),
})

/** Who lives in it, and what a test may know about them. */
export interface House {
  readonly server: Server<typeof house, unknown>
  readonly errors: { readonly error: unknown; readonly incident: string }[]
  /** Handlers of `wait` that run, by input: call to let them answer. */
  readonly waiting: Map<string, (answer: string) => void>
  /** Why the signals of `wait` fired, by input. */
  readonly stopped: Map<string, unknown>
}

/** Serves the house; whoever comes is who its token says. */
export async function open(options: Partial<ServeOptions<unknown>>): Promise<House> {
  const errors: House['errors'] = []
  const waiting: House['waiting'] = new Map()
  const stopped: House['stopped'] = new Map()
  const all: ServeOptions<unknown> = {
    authenticate: ({ token }) => ({ context: token, identity: token?.split(':')[0] }),
    onError: (error, { incident }) => errors.push({ error, incident }),
    ...options,
  }
  const server = await serve(house, all, {
    echo: text => text,
    whoami: (_, { context, session }) => ({ context, ...session }),
    wait: (name, { signal }) =>
      new Promise((resolve, reject) => {
        waiting.set(name, resolve)
        signal.addEventListener('abort', () => {
          stopped.set(name, signal.reason)
          reject(signal.reason)
        })
      }),
    async *count(from) {
      for (let n = from; ; n++) yield n
    },
    news: { subscribe: anyone },
  })
  return { server, errors, waiting, stopped }
}
