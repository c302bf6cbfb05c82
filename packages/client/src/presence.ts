import type { Member, Presence, TopicEntry } from '@tautline/core'
import { guard } from './guard.ts'
import { listen } from './listen.ts'
import type { Sink } from './subscription.ts'
import type { Subscriptions } from './subscriptions.ts'
import type { TopicLine } from './topic-line.ts'

/** The key under which the server counts everybody once there are more than it lists. */
const EVERYBODY = ''
/** Whatever a server says, no more members than this are kept. */
const MOST_MEMBERS = 10_000

/**
 * Who is subscribed to a channel. Its listener hears of everybody once all of them are known, and then at most once a
 * tick; through a drop it hears nothing until the new state is there (protocol.md, "Presence").
 */
export function presenceOf(
  line: TopicLine,
  subscriptions: Subscriptions,
  entry: TopicEntry,
  params: unknown,
): Presence<object> {
  const path = `${entry.path}@presence`
  return {
    subscribe(listener, options = {}) {
      const members = new Map<string, Member<object>>()
      let everybody: number | undefined
      let telling = false

      const tell = () => {
        telling = false
        if (subscription.state !== 'live') return
        guard(error => line.onError(error, { entry: path }), listener, [...members.values()], {
          count: everybody ?? members.size,
        })
      }
      const changed = () => {
        if (!telling) line.clock.defer(tell)
        telling = true
      }
      const sink: Sink = {
        ...listen(line, path, changed, options),
        message(value, key = EVERYBODY) {
          if (key === EVERYBODY) everybody = Number((value as { count?: unknown } | null)?.count)
          else if (members.has(key) || members.size < MOST_MEMBERS) members.set(key, { ...(value as object), id: key })
          changed()
        },
        retract(key) {
          if (key === EVERYBODY) everybody = undefined
          members.delete(key)
          changed()
        },
        gap() {
          everybody = undefined
          members.clear()
          changed()
        },
        live: changed,
      }
      const subscription = subscriptions.add({ entry, path, params, latest: true, signal: options.signal }, sink)
      return subscription
    },
  }
}
