import { type MsgHdrs, MsgHdrsImpl } from '@nats-io/transport-node'

/** One thing that a stored message says about its channel. */
export type Entry =
  | {
      readonly kind: 'message'
      readonly key: string | undefined
      /** Bytes of its body; the bodies of a record's messages stand one after another. */
      readonly size: number
      readonly leaseMs: number | undefined
      /** What stands for its idempotency key. */
      readonly once: string | undefined
    }
  | { readonly kind: 'retraction'; readonly key: string }
  /** The lease of the message with that offset is renewed; no change of the channel. */
  | { readonly kind: 'renewal'; readonly key: string; readonly offset: number; readonly leaseMs: number }

/** What a message of the stream says, beside the bodies: see docs/brokers.md. */
export interface ChannelRecord {
  readonly epoch: string
  /** No other record has it. */
  readonly id: string
  /** That of the record before it; `-` where there is none. */
  readonly after: string
  /** The newest offset with it. */
  readonly head: number
  /** When it was written, in ms since 1970 by the engine's clock. */
  readonly at: number
  /** When all that is kept is over, in ms of the engine's clock; 0 for never. */
  readonly until: number
  /** How long the channel's messages last, in ms; 0 for ever. */
  readonly lastsMs: number
  /** Of a `latest`: how many keys have a message with it. */
  readonly kept: number
  /** Of a `latest`: of the retractions up to this offset, not all are known any more. */
  readonly floor: number
  readonly entries: readonly Entry[]
}

/** A record where the stream has it. */
export interface Stored {
  readonly seq: number
  /** The stream's number of the record before it. */
  readonly previous: number
  readonly record: ChannelRecord
}

const RECORD = 'Tautline'
const ENTRY = 'Tautline-Entry'
const LINE = /^(\S+) (\S+) (\S+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$/
const MESSAGE = /^m (\d+) (-|=[\w-]*) (-|\d+) (-|[\w-]+)$/
const RETRACTION = /^g (=[\w-]*)$/
const RENEWAL = /^r (=[\w-]*) (\d+) (\d+)$/

/**
 * Writes a record as the headers of a message.
 *
 * @param more - other headers. Nothing is checked: neither names nor values come from anybody else.
 */
export function headersOf(record: ChannelRecord, more: Readonly<Record<string, string[]>> = {}): MsgHdrs {
  const { epoch, id, after, head, at, until, lastsMs, kept, floor, entries } = record
  const line = `${epoch} ${id} ${after} ${head} ${at} ${until} ${lastsMs} ${kept} ${floor}`
  return MsgHdrsImpl.fromRecord({ [RECORD]: [line], [ENTRY]: entries.map(lineOf), ...more })
}

/** Reads the headers of a message; `undefined` for what is no record of ours. */
export function recordOf(read: MsgHdrs | undefined): ChannelRecord | undefined {
  const [, epoch, id, after, head, at, until, lastsMs, kept, floor] = LINE.exec(read?.get(RECORD) ?? '') ?? []
  if (epoch === undefined || id === undefined || after === undefined) return undefined
  const entries = (read?.values(ENTRY) ?? []).map(entryOf)
  if (!entries.every(entry => entry !== undefined)) return undefined
  return {
    epoch,
    id,
    after,
    head: Number(head),
    at: Number(at),
    until: Number(until),
    lastsMs: Number(lastsMs),
    kept: Number(kept),
    floor: Number(floor),
    entries,
  }
}

/** The offset before the first change of a record. */
export function beforeOf({ head, entries }: ChannelRecord): number {
  return head - entries.filter(entry => entry.kind !== 'renewal').length
}

function lineOf(entry: Entry): string {
  if (entry.kind === 'retraction') return `g ${written(entry.key)}`
  if (entry.kind === 'renewal') return `r ${written(entry.key)} ${entry.offset} ${entry.leaseMs}`
  return `m ${entry.size} ${written(entry.key)} ${entry.leaseMs ?? '-'} ${entry.once ?? '-'}`
}

function entryOf(line: string): Entry | undefined {
  const [message, size, key, lease, once] = MESSAGE.exec(line) ?? []
  if (message !== undefined) {
    return {
      kind: 'message',
      key: key === '-' ? undefined : keyOf(key),
      size: Number(size),
      leaseMs: lease === '-' ? undefined : Number(lease),
      once: once === '-' ? undefined : once,
    }
  }
  const [retraction, gone] = RETRACTION.exec(line) ?? []
  if (retraction !== undefined) return { kind: 'retraction', key: keyOf(gone) }
  const [renewal, held, offset, leaseMs] = RENEWAL.exec(line) ?? []
  if (renewal === undefined) return undefined
  return { kind: 'renewal', key: keyOf(held), offset: Number(offset), leaseMs: Number(leaseMs) }
}

function written(key: string | undefined): string {
  return key === undefined ? '-' : `=${Buffer.from(key).toString('base64url')}`
}

function keyOf(text = '='): string {
  return Buffer.from(text.slice(1), 'base64url').toString()
}
