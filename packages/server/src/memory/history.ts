import type { Change, From, PageLimit } from '../broker.ts'

/** A change that is to be kept. */
export interface NewChange {
  readonly body: Uint8Array | undefined
  readonly key: string | undefined
  /** When it was published, in ms of the broker's clock. */
  readonly at: number
  /** How long its key is leased, in ms. */
  readonly leaseMs: number
}

/** The piece of a history that was asked for; see `Page`. */
export interface Piece {
  readonly after: number
  readonly through: number
  readonly changes: readonly Change[]
}

/** What a history may hold. */
export interface HistoryLimits {
  readonly count: number
  /** How long a message is kept, in ms; `Infinity` for no such bound. */
  readonly ms: number
  /** Bytes of all that is kept. */
  readonly bytes: number
}

/** What one channel remembers, in one process. Methods that return changes return what subscribers are to be told. */
export interface History {
  /** Offset of the newest change; 0 when there has been none. */
  readonly head: number
  /** Who has everything up to an offset below this one has missed something for good. */
  readonly floor: number
  /** Bytes of what is kept, with what it costs to keep it. */
  readonly bytes: number
  /** Whether no message is kept any more. */
  readonly empty: boolean
  /** When {@link History.expire} may have something to do, in ms of the broker's clock; `Infinity` for never. */
  readonly expiresAt: number
  /** Takes a change in; what no longer fits goes. The first one that is returned is the change itself. */
  add(change: NewChange): readonly Change[]
  /** Drops what is too old. */
  expire(now: number): readonly Change[]
  /** Drops the oldest message. */
  shrink(now: number): readonly Change[]
  read(from: From, limit: PageLimit): Piece
}

/** What a kept change costs beside its body and its key, in bytes. */
const OVERHEAD = 128

/** The bytes that a change counts for. */
export function costOf(change: { readonly body: Uint8Array | undefined; readonly key: string | undefined }): number {
  return OVERHEAD + (change.body?.length ?? 0) + 2 * (change.key?.length ?? 0)
}

/** Takes changes until the limit is reached; always the first one. Returns what was taken and whether all of it was. */
export function takePage(changes: Iterable<Change>, limit: PageLimit): { taken: Change[]; all: boolean } {
  const taken: Change[] = []
  let bytes = 0
  for (const change of changes) {
    bytes += change.body?.length ?? 0
    if (taken.length > 0 && (taken.length >= limit.messages || bytes > limit.bytes)) return { taken, all: false }
    taken.push(change)
  }
  return { taken, all: true }
}
