import type { Channel, HasPresence, MessagesOptions, Publishes, SubscribeOptions, TopicEntry } from '@tautline/core'
import type { Caller } from '../run.ts'
import { publish } from './call.ts'
import type { Host } from './host.ts'
import { listen } from './listen.ts'
import { LocalMessages } from './messages.ts'
import { presenceOf } from './presence.ts'
import { LocalSubscription } from './subscription.ts'

/** A channel whose types are told by the contract. */
export type AnyChannel = Channel<unknown> & Partial<Publishes<unknown> & HasPresence<object>>

/** A topic with its params, for code of this process. */
export function channelFor(host: Host, caller: Caller, entry: TopicEntry, params: unknown): AnyChannel {
  const { path } = entry
  const request = ({ since, rewind, signal }: MessagesOptions) => ({ path, params, since, rewind, signal })
  const messages = (options: MessagesOptions = {}) => ({
    [Symbol.asyncIterator]: () =>
      new LocalMessages(sink => new LocalSubscription(host, caller, request(options), sink)),
  })
  return {
    subscribe(listener, options: SubscribeOptions = {}) {
      const subscription = new LocalSubscription(host, caller, request(options), {
        ...listen(host.failures, path, listener, options),
        arrived() {
          while (subscription.step());
        },
      })
      return subscription
    },
    messages,
    [Symbol.asyncIterator]: () => messages()[Symbol.asyncIterator](),
    ...(entry.publish && { publish: (message, options) => publish(host, caller, entry, params, message, options) }),
    ...(entry.presence && { presence: presenceOf(host, caller, entry, params) }),
  }
}
