import type { Member, Presence, TopicEntry } from '@tautline/core'
import type { Caller } from '../run.ts'
import type { Host } from './host.ts'
import { listen } from './listen.ts'
import { LocalSubscription } from './subscription.ts'

/** The key under which everybody is counted once there are more than are listed. */
const EVERYBODY = ''

/** Who is subscribed to a channel: the listener hears of everybody once all are known, and then at most once a tick. */
export function presenceOf(host: Host, caller: Caller, entry: TopicEntry, params: unknown): Presence<object> {
  const path = `${entry.path}@presence`
  return {
    subscribe(listener, options) {
      const members = new Map<string, Member<object>>()
      let count: number | undefined
      const told = () => listener([...members.values()], { count: count ?? members.size })
      const { message: tell, ...sink } = listen(host.failures, path, told, options)
      const subscription = new LocalSubscription(
        host,
        caller,
        { path, params, signal: options?.signal },
        {
          ...sink,
          arrived() {
            while (subscription.step());
            if (subscription.state === 'live') tell(undefined, undefined)
          },
          message(value, key = EVERYBODY) {
            if (key === EVERYBODY) count = Number((value as { count?: unknown } | null)?.count)
            else members.set(key, { ...(value as object), id: key })
          },
          retract(key) {
            if (key === EVERYBODY) count = undefined
            members.delete(key)
          },
          gap() {
            count = undefined
            members.clear()
          },
        },
      )
      return subscription
    },
  }
}
