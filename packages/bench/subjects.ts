import { CapnwebClient } from './load/capnweb.ts'
import type { Client } from './load/client.ts'
import { FloorBatchedClient, FloorClient } from './load/floor.ts'
import { OrpcClient } from './load/orpc.ts'
import { SocketIoClient } from './load/socket-io.ts'
import { TautlineClient } from './load/tautline.ts'
import { TrpcClient } from './load/trpc.ts'

/** A server to measure, and how to speak to it. */
export interface Subject {
  readonly name: string
  /** Its module in `servers`. */
  readonly server: string
  readonly connect: (url: string) => Client
  /** How it is set up, where that is not the default. */
  readonly note: string
  readonly env?: Readonly<Record<string, string>>
}

/** What all others are compared with. */
export const FLOOR: Subject = {
  name: 'floor',
  server: 'floor',
  connect: url => new FloorClient(url),
  note: 'written by hand on `ws` and `@msgpack/msgpack`, nothing checked, one `send` per message',
}

export const FLOOR_CORKED: Subject = {
  name: 'floor, one write per tick',
  server: 'floor-corked',
  connect: url => new FloorClient(url),
  note: 'the floor with its TCP socket corked to the end of each tick',
}

export const FLOOR_BATCHED: Subject = {
  name: 'floor, one message per tick',
  server: 'floor-batched',
  connect: url => new FloorBatchedClient(url),
  note: 'the floor with one WebSocket message for all that either side sends in a tick, and reused encoders',
}

export const TAUTLINE: Subject = {
  name: 'Tautline',
  server: 'tautline',
  connect: url => new TautlineClient(url),
  note: 'everything on: validation both ways, sessions, replay, limits; only the rate is raised, so that the load passes',
}

export const SUBJECTS: readonly Subject[] = [
  FLOOR,
  FLOOR_CORKED,
  FLOOR_BATCHED,
  {
    name: 'Socket.IO 4',
    server: 'peers/socket-io',
    connect: url => new SocketIoClient(url),
    note: 'WebSocket alone, `socket.io-msgpack-parser`, `request = null`; nothing checked, streams are plain events',
  },
  {
    name: 'tRPC 11 + zod',
    server: 'peers/trpc',
    connect: url => new TrpcClient(url),
    note: 'no transformer; requests of one tick in one array, as its client sends them; items and messages unchecked, binary as base64',
  },
  {
    name: 'oRPC 1.15 + zod',
    server: 'peers/orpc',
    connect: url => new OrpcClient(url),
    note: '`RPCHandler` on `ws`, topics by `EventPublisher`; items and messages unchecked, binary as a Blob',
  },
  {
    name: "Cap'n Web",
    server: 'peers/capnweb',
    connect: url => new CapnwebClient(url),
    note: 'nothing checked; topics are callbacks whose answer nobody asks for',
  },
  TAUTLINE,
]

/** Tautline as it is in another checkout that has been built: to see what a change is worth. */
export function tautlineOf(checkout: string): Subject {
  return { ...TAUTLINE, name: 'Tautline, other checkout', note: checkout, env: { BENCH_CHECKOUT: checkout } }
}
