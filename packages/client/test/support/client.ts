import { type Client, type ConnectionState, type ConnectOptions, connect, type TautlineError } from '@tautline/client'
import { contract, procedure, stream, topic } from '@tautline/core'
import { VirtualClock } from '@tautline/testing'
import * as z from 'zod'
import { FakeServer } from './fake-server.ts'

/** One entry of each kind that the tests call. */
export const entries = contract({
  say: procedure({
    input: z.string(),
    output: z.string(),
    errors: { MUTED: null, CLOSED: z.object({ until: z.date() }) },
  }),
  look: procedure({ input: z.string(), output: z.string(), idempotent: true }),
  ping: procedure({}),
  slow: procedure({ timeout: 120_000 }),
  late: procedure({ input: z.string().refine(async () => false) }),
  count: stream({ input: z.number(), down: z.number(), result: z.string() }),
  watch: stream({ input: z.string(), down: z.string(), idempotent: true }),
  sum: stream({ up: z.number(), result: z.number() }),
  echo: stream({ up: z.string(), down: z.string(), result: z.number(), errors: { FULL: null } }),
  group: { deep: { ask: procedure({ output: z.number() }) } },
  feed: topic({
    params: z.object({ room: z.string() }),
    message: z.string(),
    publish: z.string(),
    retain: { count: 5 },
  }),
})

/** A client, the server that it dials, and all that its connection told. */
export interface Scene extends Client<typeof entries> {
  readonly clock: VirtualClock
  readonly server: FakeServer
  readonly states: ConnectionState[]
  readonly errors: TautlineError[]
  /** What the next numbers for back-off are; 0.5 each unless told otherwise. */
  chance: number
  /** Closes the connection and says what is left: nothing, if all is well. */
  leftOver(): Promise<Record<string, number>>
}

export function scene(options: Partial<ConnectOptions> = {}): Scene {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const states: ConnectionState[] = []
  const errors: TautlineError[] = []
  const client = connect(entries, {
    url: 'ws://server/live',
    clock,
    random: () => scene.chance,
    socket: server.socket,
    ...options,
  })
  client.connection.on('state', state => states.push(state))
  client.connection.on('error', error => errors.push(error))
  const scene: Scene = {
    ...client,
    clock,
    server,
    states,
    errors,
    chance: 0.5,
    async leftOver() {
      client.connection.close()
      await clock.settle()
      server.deadlines.clear()
      const open = server.dials.filter(({ closed }) => !closed).length
      return { timers: clock.pending, sockets: open }
    },
  }
  return scene
}

export const NOTHING = { timers: 0, sockets: 0 }

/** How a promise has ended so far; `undefined` while it has not. */
export function watch<Value>(promise: PromiseLike<Value>): { value?: Value; error?: TautlineError; settled: number } {
  const seen: { value?: Value; error?: TautlineError; settled: number } = { settled: 0 }
  promise.then(
    value => {
      seen.value = value
      seen.settled += 1
    },
    (error: TautlineError) => {
      seen.error = error
      seen.settled += 1
    },
  )
  return seen
}
