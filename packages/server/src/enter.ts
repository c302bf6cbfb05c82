import type { SubscribeFields } from '@tautline/core/wire'
import type { BrokerChannel } from './broker.ts'
import type { Channel } from './channel.ts'
import type { Hub } from './hub.ts'
import { type Beginning, beginningOf } from './place.ts'

/** A channel that is followed, and where in it a subscription begins. */
export interface Entered extends Beginning {
  /** To be left with {@link Hub.leave}. */
  readonly channel: Channel
}

/** Who enters, and for how long it may take. */
export interface Entering {
  readonly fields: SubscribeFields | undefined
  /** Nobody waits for it any more. */
  readonly signal: AbortSignal
  /** While the broker is away, this one waits: refused, it would ask again when the broker has been back for a while. */
  readonly patient: boolean
}

/**
 * Follows a channel for a subscription, and finds where it begins; `undefined` when nobody waits for it any more.
 *
 * @throws {@link TautlineError} `UNAVAILABLE` when the broker does not do its part, and is not waited for.
 */
export async function enter(
  hub: Hub,
  ref: BrokerChannel,
  { fields, signal, patient }: Entering,
): Promise<Entered | undefined> {
  while (!signal.aborted) {
    try {
      return await entered(hub, ref, fields, signal)
    } catch (error) {
      if (!patient || !hub.alone) throw error
      await hub.reunited(signal)
    }
  }
  return undefined
}

async function entered(
  hub: Hub,
  ref: BrokerChannel,
  fields: SubscribeFields | undefined,
  signal: AbortSignal,
): Promise<Entered | undefined> {
  let channel: Channel | undefined = await hub.follow(ref)
  try {
    if (signal.aborted) return undefined
    const beginning = await beginningOf(channel, fields)
    const found = { channel, ...beginning }
    channel = undefined
    return found
  } finally {
    if (channel) hub.leave(channel)
  }
}
