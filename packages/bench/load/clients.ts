import { CapnwebClient } from './capnweb.ts'
import type { Client } from './client.ts'
import { FloorBatchedClient, FloorClient } from './floor.ts'
import { OrpcClient } from './orpc.ts'
import { SocketIoClient } from './socket-io.ts'
import { TautlineClient } from './tautline.ts'
import { TrpcClient } from './trpc.ts'

/** Who speaks which wire. */
export const CLIENTS = {
  floor: FloorClient,
  'floor-batched': FloorBatchedClient,
  'socket-io': SocketIoClient,
  trpc: TrpcClient,
  orpc: OrpcClient,
  capnweb: CapnwebClient,
  tautline: TautlineClient,
} as const satisfies Readonly<Record<string, new (url: string) => Client>>
