import { headers, type Msg, type MsgHdrs } from '@nats-io/transport-node'
import type { Change } from '@tautline/server'
import { beforeOf, type ChannelRecord, type Stored } from './record.ts'
import { storedOf } from './store.ts'

const SEQUENCE = 'Nats-Sequence'
/** The key of a message that is only told. */
const KEY = 'Tautline-Key'

/** What a message of a feed says: a record that was stored. `undefined` for any other: everybody may publish there. */
export function toldOf(message: Msg): Stored | undefined {
  const seq = Number(message.headers?.get(SEQUENCE) || 0)
  return seq > 0 ? storedOf(seq, message.headers) : undefined
}

/** The changes that a record makes, with their bodies. */
export function changesOf(record: ChannelRecord, bodies: Uint8Array): Change[] {
  let [offset, start] = [beforeOf(record), 0]
  const changes: Change[] = []
  for (const entry of record.entries) {
    if (entry.kind === 'renewal') continue
    offset += 1
    const end = start + (entry.kind === 'message' ? entry.size : 0)
    changes.push({ offset, key: entry.key, body: entry.kind === 'message' ? bodies.subarray(start, end) : undefined })
    start = end
  }
  return changes
}

/** What a message says on the feed of a channel without memory: with an idempotency key it was stored for a while. */
export function unretainedOf(message: Msg): Change[] {
  const told = toldOf(message)
  if (told) return changesOf(told.record, message.data).map(change => ({ ...change, offset: 0 }))
  const key = message.headers?.get(KEY)
  return [{ offset: 0, key: key ? Buffer.from(key.slice(1), 'base64url').toString() : undefined, body: message.data }]
}

/** The headers of a message that is only told, and has a key. */
export function headersOfKey(key: string): MsgHdrs {
  const written = headers()
  written.append(KEY, `=${Buffer.from(key).toString('base64url')}`)
  return written
}
