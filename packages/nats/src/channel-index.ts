import type { From, PageLimit, Publication } from '@tautline/server'
import type { ChannelRecord, Entry, Stored } from './record.ts'

/** What a channel may keep. */
export interface ChannelLimits {
  readonly count: number
  /** How long a message is kept, in ms; `Infinity` for no such bound. */
  readonly ms: number
  readonly bytes: number
}

/** Where a change is found. */
export interface Ref {
  readonly offset: number
  readonly key: string | undefined
  /** Bytes of its body; `undefined` for a retraction. */
  readonly size: number | undefined
  /** The stream's number of the message that has it, and where its body begins there. */
  readonly seq: number
  readonly start: number
}

/** A piece of a channel's memory; see `Page`. */
export interface Piece {
  readonly after: number
  readonly through: number
  readonly refs: readonly Ref[]
}

/** What is about to be stored in one record. It is made of what the index knows, and the index does not change. */
export interface Draft {
  readonly entries: readonly Entry[]
  /** The bodies of its messages. */
  readonly bodies: readonly Uint8Array[]
  /** Bytes of all that, about. */
  readonly bytes: number
  readonly head: number
  readonly kept: number
  /** When all that is kept with it is over, in ms of the engine's clock; `Infinity` for never. */
  readonly until: number
  /** Takes a publication in. Returns its offset; that of the newest change when nothing is to be done. */
  publish(publication: Publication, once: string | undefined): number
  /** Renews leases; returns the keys whose newest message is another one. */
  renew(held: ReadonlyMap<string, number>, leaseMs: number): readonly string[]
}

/** What can be dropped from the stream: everything before a number, and single messages after it. */
export interface Garbage {
  readonly before: number
  readonly single: readonly number[]
}

/** What one process knows of a channel's memory: everything but the bodies. */
export interface ChannelIndex {
  readonly epoch: string
  /** The stream's number of the newest record, and its id. */
  readonly seq: number
  readonly id: string
  /** When it was written. */
  readonly at: number
  readonly head: number
  readonly floor: number
  /** Nothing is known of changes up to this offset. */
  readonly from: number
  /** What it counts for among all that this process knows. */
  readonly weight: number
  /** Whether it has every idempotency key that is to be known. */
  hasKeys(now: number): boolean
  /** Whether it has all that the record says there is. */
  isWhole(record: ChannelRecord): boolean
  /** Takes in the record that follows the newest. */
  apply(stored: Stored): void
  /** Forgets what is too old to be kept. */
  settle(now: number): void
  /** In how many ms something is due that has to be stored; `Infinity` for never. */
  dueIn(now: number): number
  draft(now: number): Draft
  read(from: From, limit: PageLimit): Piece
  /** That message is gone from the stream; whether the rest of the memory is still good for something. */
  lose(seq: number): boolean
  /** What is worth being dropped now, if anything is. */
  garbage(now: number): Garbage | undefined
}

/** Stands for the id of a record that there is not. */
export const NO_RECORD = '-'

/** What one record has room for. */
export const MOST_ENTRIES = 256

/** What an index costs beside what it has, in changes. */
export const INDEX_WEIGHT = 16

/** What a kept change costs beside its body and its key, in bytes. */
const OVERHEAD = 128

/** The bytes that a change counts for. */
export function costOf(size: number, key: string | undefined): number {
  return OVERHEAD + size + 2 * (key?.length ?? 0)
}

/** The bytes that an entry takes in the headers, at the most. */
export function headerBytesOf(key: string | undefined): number {
  return 96 + 4 * (key?.length ?? 0)
}

/** Takes changes until the limit is reached; always the first one. */
export function pieceOf(changes: Iterable<Ref>, after: number, head: number, limit: PageLimit): Piece {
  const refs: Ref[] = []
  let bytes = 0
  for (const ref of changes) {
    bytes += ref.size ?? 0
    const isFull = refs.length >= limit.messages || bytes > limit.bytes
    if (refs.length > 0 && isFull) return { after, through: refs.at(-1)?.offset ?? head, refs }
    refs.push(ref)
  }
  return { after, through: head, refs }
}
