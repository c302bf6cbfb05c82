import type { Position, SubscribeFields } from '@tautline/core/wire'
import type { Channel, Stretch } from './channel.ts'
import type { Place } from './cursor.ts'

/** Where a subscription begins, and whether what it asked for is lost in part. */
export interface Beginning {
  readonly place: Place
  readonly gap: boolean
}

/**
 * Finds where a subscription begins (protocol.md, "Positions"): after `since`, else with the newest `rewind` messages,
 * else with what is new; `latestBy` begins with the newest message of every key.
 *
 * @throws {@link TautlineError} `UNAVAILABLE` when the broker had to be asked and did not answer.
 */
export async function beginningOf(channel: Channel, fields: SubscribeFields = {}): Promise<Beginning> {
  for (;;) {
    const beginning = await find(channel, fields)
    // What was found in an epoch that is over is of no use.
    if (beginning.place.epoch === channel.epoch) return beginning
  }
}

async function find(channel: Channel, { since, rewind, base = 0 }: SubscribeFields): Promise<Beginning> {
  if (!channel.retains) return { place: { epoch: null, after: 0, base: 0 }, gap: since !== undefined }
  if (since) return afterPosition(channel, since, channel.ref.retain.kind === 'latest' ? base : 0)
  if (rewind !== undefined && rewind > 0) return withNewest(channel, rewind)
  const { epoch, head } = channel
  const all = channel.ref.retain.kind === 'latest' && rewind === undefined
  return { place: { epoch, after: all ? 0 : head, base: all ? head : 0 }, gap: false }
}

async function afterPosition(channel: Channel, [epoch, offset]: Position, base: number): Promise<Beginning> {
  const known = epoch === channel.epoch
  if (known && offset <= channel.head && channel.has(offset)) {
    return { place: { epoch, after: offset, base: Math.min(base, channel.head) }, gap: false }
  }
  const stretch = await channel.read({ after: known ? offset : 0 })
  const kept =
    stretch.epoch === epoch && stretch.floor <= Math.max(offset, base) && offset <= Math.max(stretch.head, channel.head)
  return kept
    ? { place: { epoch, after: offset, base: Math.min(base, stretch.head) }, gap: false }
    : { place: oldest(channel, stretch), gap: true }
}

async function withNewest(channel: Channel, rewind: number): Promise<Beginning> {
  const { epoch, after, head } = await channel.read({ newest: rewind })
  const base = channel.ref.retain.kind === 'latest' ? head : 0
  return { place: { epoch, after, base }, gap: false }
}

/** The oldest message is next; of `latestBy` the newest of every key. */
function oldest(channel: Channel, { epoch, floor, head }: Stretch): Place {
  const isLatest = channel.ref.retain.kind === 'latest'
  return { epoch, after: isLatest ? 0 : floor, base: isLatest ? head : 0 }
}
