import type { CLIENTS } from './load/clients.ts'

/** A server to measure, and how to speak to it. Plain data: another process may have to do it. */
export interface Subject {
  readonly name: string
  /** Its module in `servers`. */
  readonly server: string
  /** Who speaks to it. */
  readonly client: keyof typeof CLIENTS
  /** How it is set up, where that is not the default. */
  readonly note: string
  readonly env?: Readonly<Record<string, string>>
}

/** What all others are compared with. */
export const FLOOR: Subject = {
  name: 'floor',
  server: 'floor',
  client: 'floor',
  note: 'written by hand on `ws` and `@msgpack/msgpack`, nothing checked, one `send` per message',
}

export const FLOOR_CORKED: Subject = {
  name: 'floor, one write per tick',
  server: 'floor-corked',
  client: 'floor',
  note: 'the floor with its TCP socket corked to the end of each tick',
}

export const FLOOR_BATCHED: Subject = {
  name: 'floor, one message per tick',
  server: 'floor-batched',
  client: 'floor-batched',
  note: 'the floor with one WebSocket message for all that either side sends in a tick, and reused encoders',
}

export const TAUTLINE: Subject = {
  name: 'Tautline',
  server: 'tautline',
  client: 'tautline',
  note: 'everything on: validation both ways, sessions, replay, limits; only the rate is raised, so that the load passes',
}

export const SUBJECTS: readonly Subject[] = [
  FLOOR,
  FLOOR_CORKED,
  FLOOR_BATCHED,
  {
    name: 'Socket.IO 4',
    server: 'peers/socket-io',
    client: 'socket-io',
    note: 'WebSocket alone, `socket.io-msgpack-parser`, `request = null`; nothing checked, streams are plain events',
  },
  {
    name: 'tRPC 11 + zod',
    server: 'peers/trpc',
    client: 'trpc',
    note: 'no transformer; requests of one tick in one array, as its client sends them; items and messages unchecked, binary as base64',
  },
  {
    name: 'oRPC 1.15 + zod',
    server: 'peers/orpc',
    client: 'orpc',
    note: '`RPCHandler` on `ws`, topics by `EventPublisher`; items and messages unchecked, binary as a Blob',
  },
  {
    name: "Cap'n Web",
    server: 'peers/capnweb',
    client: 'capnweb',
    note: 'nothing checked; topics are callbacks whose answer nobody asks for',
  },
  TAUTLINE,
]

/** Tautline as it is in another checkout that has been built: to see what a change is worth. */
export function tautlineOf(checkout: string): Subject {
  return { ...TAUTLINE, name: 'Tautline, other checkout', note: checkout, env: { BENCH_CHECKOUT: checkout } }
}
