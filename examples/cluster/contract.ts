import { contract, procedure, topic } from '@tautline/core'
import * as z from 'zod'

const Room = z.object({ room: z.string() })
const Name = z.string().trim().min(1).max(24)
const seq = z.int().positive()

/** A server process: another one may have the same name later. */
const ServerProcess = z.object({ server: z.string(), pid: z.int() })

export const cluster = contract({
  /** Which server this session is at. */
  here: procedure({ output: ServerProcess, idempotent: true }),
  /** Kills a server in the middle of whatever it does, or has it leave in good order. */
  operate: procedure({ input: z.object({ server: z.string(), how: z.enum(['kill', 'restart']) }) }),
  /** Ten a second, numbered by the worker: a process that publishes and serves nobody. */
  beats: topic({
    params: Room,
    message: z.object({ source: z.string(), seq, level: z.number().min(0).max(1) }),
    retain: { count: 600 },
  }),
  /** What people say, and who is there, at which server. */
  notes: topic({
    params: Room,
    message: ServerProcess.extend({ author: Name, text: z.string(), at: z.date() }),
    publish: z.object({ text: z.string().trim().min(1).max(200) }),
    presence: ServerProcess.extend({ name: Name }),
    retain: { count: 100, seconds: 3_600 },
  }),
  /** How servers are. Each says so itself every second: who has said nothing for three is gone. */
  servers: topic({
    params: Room,
    message: ServerProcess.extend({ state: z.enum(['serving', 'leaving']), sessions: z.int() }),
    retain: { latestBy: ({ server }) => server, seconds: 3 },
  }),
  /** What a crowd of clients has counted. */
  tallies: topic({
    params: Room,
    message: z.object({ clients: z.int(), received: z.int(), lost: z.int(), twice: z.int() }),
    publish: z.object({ clients: z.int(), received: z.int(), lost: z.int(), twice: z.int() }),
    retain: { count: 1 },
  }),
})

export type Cluster = typeof cluster
