import type { Channel, HasPresence, MessagesOptions, Publishes, SubscribeOptions, TopicEntry } from '@tautline/core'
import { listen } from './listen.ts'
import { Messages } from './messages.ts'
import { presenceOf } from './presence.ts'
import type { Publishes as Publisher } from './publish.ts'
import type { Request } from './subscription.ts'
import type { Subscriptions } from './subscriptions.ts'
import type { TopicLine } from './topic-line.ts'

/** A channel whose types are told by the contract. */
export type AnyChannel = Channel<unknown> & Partial<Publishes<unknown> & HasPresence<object>>

/** A topic with its params, as the application holds it: nothing is sent before it is subscribed to or published on. */
export function channel(
  line: TopicLine,
  subscriptions: Subscriptions,
  publishes: Publisher,
  entry: TopicEntry,
  params: unknown,
): AnyChannel {
  const request = ({ since, rewind, signal }: SubscribeOptions & MessagesOptions): Request => {
    return { entry, path: entry.path, params, latest: isLatest(entry), since, rewind, signal }
  }
  const messages = (options: MessagesOptions = {}) => ({
    [Symbol.asyncIterator]: () => new Messages(line.limits, sink => subscriptions.add(request(options), sink)),
  })
  return {
    subscribe: (listener, options = {}) =>
      subscriptions.add(request(options), listen(line, entry.path, listener, options)),
    messages,
    [Symbol.asyncIterator]: () => messages()[Symbol.asyncIterator](),
    ...(entry.publish && { publish: (message, options) => publishes.publish(entry, params, message, options) }),
    ...(entry.presence && { presence: presenceOf(line, subscriptions, entry, params) }),
  }
}

/** Whether it is the newest message of each key that counts. An outline says no more than that. */
function isLatest({ retain }: TopicEntry): boolean {
  return retain === 'latest' || (typeof retain === 'object' && 'latestBy' in retain)
}
