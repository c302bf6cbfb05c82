import type { Msg } from '@nats-io/transport-node'
import type { Change } from '@tautline/server'
import { beforeOf, type ChannelRecord, type Stored } from './record.ts'
import { storedOf } from './store.ts'

const SEQUENCE = 'Nats-Sequence'

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
