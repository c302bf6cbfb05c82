import { contract, procedure, stream, topic } from '@tautline/core'
import type { Handlers } from '@tautline/server'
import * as z from 'zod'
import type { Happening } from './history.ts'

const Call = z.object({ call: z.string(), ms: z.number() })
const Room = z.object({ room: z.string() })
/** `padding` is only there to be large. */
const Numbered = z.object({ producer: z.string(), seq: z.number(), padding: z.instanceof(Uint8Array).optional() })
const log = { params: Room, message: Numbered, publish: Numbered }

/** One of everything whose promise the checker knows: what servers under fault serve. */
export const arena = contract({
  once: procedure({ input: Call, output: z.string() }),
  again: procedure({ input: Call, output: z.string(), idempotent: true }),
  down: stream({
    input: Call.extend({ count: z.number(), bytes: z.number() }),
    down: z.object({ index: z.number(), padding: z.instanceof(Uint8Array) }),
    result: z.object({ count: z.number() }),
  }),
  up: stream({ input: Call, up: z.number(), result: z.object({ count: z.number() }) }),
  log: topic({ ...log, retain: { count: 10_000 } }),
  short: topic({ ...log, retain: { count: 40 } }),
  live: topic(log),
  newest: topic({ ...log, retain: { latestBy: m => m.producer } }),
  /** Who is there, by identity. */
  meeting: topic({ params: Room, message: Numbered, presence: z.object({ name: z.string() }) }),
  /** Keeps the server's only thread busy for so long. */
  stall: procedure({ input: z.object({ ms: z.number() }) }),
})

export type Arena = typeof arena
export type ArenaTopic = 'log' | 'short' | 'live' | 'newest'

/** @param tell - hears of every execution before it has any effect. */
export function arenaHandlers(tell: (happening: Happening) => void): Handlers<Arena, undefined> {
  const run = async ({ call, ms }: { call: string; ms: number }) => {
    tell({ kind: 'executed', call })
    if (ms > 0) await pass(ms)
    return call
  }
  const room = { subscribe: () => undefined, publish: (_: unknown, message: z.infer<typeof Numbered>) => message }
  return {
    once: run,
    again: run,
    async *down({ call, count, bytes, ms }) {
      tell({ kind: 'executed', call })
      for (let index = 0; index < count; index++) {
        yield { index, padding: new Uint8Array(bytes) }
        if (ms > 0) await pass(ms)
      }
      return { count }
    },
    async up({ call, ms }, { up }) {
      tell({ kind: 'executed', call })
      let count = 0
      for await (const item of up) {
        if (item !== count) throw new Error(`${call}: item ${item} came as number ${count}`)
        count += 1
        if (ms > 0 && count % 10 === 0) await pass(ms)
      }
      return { count }
    },
    log: room,
    short: room,
    live: room,
    newest: room,
    meeting: { subscribe: () => undefined, presence: (_, { session }) => ({ name: session.identity ?? 'nobody' }) },
    stall({ ms }) {
      const end = performance.now() + ms
      while (performance.now() < end);
    },
  }
}

function pass(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
