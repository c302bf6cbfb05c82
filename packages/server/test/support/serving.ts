import { contract, procedure, stream, topic } from '@tautline/core'
import { type HelloFields, pipe } from '@tautline/core/wire'
import * as z from 'zod'
import { VirtualClock } from '../../../testing/src/clock.ts'
import type { UpgradeRequest } from '../../src/arrival.ts'
import { anyone } from '../../src/handlers.ts'
import type { ServeOptions } from '../../src/options.ts'
import { serve } from '../../src/serve.ts'
import type { Server } from '../../src/server.ts'
import { HandClient } from './hand-client.ts'

/** One entry of each shape, and one that takes as long as the test wants. */
export const house = contract({
  echo: procedure({ input: z.string(), output: z.string() }),
  whoami: procedure({ output: z.unknown() }),
  wait: procedure({ input: z.string(), output: z.string() }),
  count: stream({ input: z.number(), down: z.number() }),
  sum: stream({ up: z.number(), result: z.number() }),
  news: topic({ params: z.object({ desk: z.string() }), message: z.string(), retain: { count: 10 } }),
})

/** A server in virtual time, and whatever a test wants to know about it. */
export class Serving {
  readonly clock: VirtualClock
  readonly server: Server<typeof house, unknown>
  readonly errors: { readonly error: unknown; readonly incident: string }[]
  /** Handlers of `wait` that run, by input: call to let them answer. */
  readonly waiting: Map<string, (answer: string) => void>
  /** Why the signals of `wait` fired, by input. */
  readonly stopped: Map<string, unknown>

  private constructor(parts: Pick<Serving, 'clock' | 'server' | 'errors' | 'waiting' | 'stopped'>) {
    this.clock = parts.clock
    this.server = parts.server
    this.errors = parts.errors
    this.waiting = parts.waiting
    this.stopped = parts.stopped
  }

  static async start(options: Partial<ServeOptions<unknown>> = {}): Promise<Serving> {
    const clock = new VirtualClock()
    const errors: Serving['errors'] = []
    const waiting: Serving['waiting'] = new Map()
    const stopped: Serving['stopped'] = new Map()
    const all: ServeOptions<unknown> = {
      authenticate: ({ token }) => ({ context: token, identity: token?.split(':')[0] }),
      onError: (error, { incident }) => errors.push({ error, incident }),
      clock,
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
      async sum(_, { up }) {
        let sum = 0
        for await (const n of up) sum += n
        return sum
      },
      news: { subscribe: anyone },
    })
    return new Serving({ clock, server, errors, waiting, stopped })
  }

  /** A client whose socket is open and that has said nothing. */
  dial(request?: UpgradeRequest): HandClient {
    const [near, far] = pipe(this.clock)
    this.server.accept(far, request)
    return new HandClient(near)
  }

  /** A client that was welcomed, or turned away. */
  async join(hello: HelloFields = { token: 'ada' }, request?: UpgradeRequest): Promise<HandClient> {
    const client = this.dial(request)
    client.hello(hello)
    await this.clock.settle()
    return client
  }

  /** Another socket for the session of `client`. */
  back(client: HandClient, attempt = 1, token = 'ada', received = client.received): Promise<HandClient> {
    return this.join({ token, session: [client.welcome?.session ?? '', received, attempt] })
  }

  /** Closes the server; nothing may be left. */
  async end(): Promise<number> {
    const closed = this.server.close({ withinMs: 0 })
    await this.clock.settle()
    await closed
    return this.clock.pending
  }
}
