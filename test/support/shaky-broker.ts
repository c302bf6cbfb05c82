import type { Broker, BrokerChannel, Feed, FeedListener } from '@tautline/server'

/** How often a feed does what it should not. */
export interface Shakes {
  readonly twice: number
  readonly late: number
  readonly never: number
}

/** A broker whose feeds repeat, reorder and lose what they tell; all else is as it should be. */
export function shaky(broker: Broker, random: () => number, shakes: Shakes): Broker {
  return {
    publish: (channel, publication) => broker.publish(channel, publication),
    read: (channel, from, limit) => broker.read(channel, from, limit),
    heads: channels => broker.heads(channels),
    renew: (channel, held, leaseMs) => broker.renew(channel, held, leaseMs),
    get status() {
      return broker.status
    },
    onStatus: listener => broker.onStatus(listener),
    close: () => broker.close(),
    subscribe(channel: BrokerChannel, listener: FeedListener): Promise<Feed> {
      return broker.subscribe(channel, (epoch, change) => {
        const tell = () => listener(epoch, change)
        if (random() < shakes.never) return
        if (random() < shakes.late) setTimeout(tell, 100 * random())
        else tell()
        if (random() < shakes.twice) setTimeout(tell, 100 * random())
      })
    },
  }
}

/** What an engine that is asked for something may do instead of answering. */
export type Whim = 'throws' | 'rejects' | 'is silent'

/** A broker whose methods do what they are asked for, or not, and then throw, reject or never settle. */
export function whimsical(broker: Broker, whim: () => Whim | undefined): Broker {
  const ask = <T>(question: () => Promise<T>): Promise<T> => {
    switch (whim()) {
      case 'throws':
        throw new Error('a whim, and nothing was done')
      case 'rejects':
        return question().then(() => Promise.reject(new Error('a whim, and yet it was done')))
      case 'is silent':
        return question().then(() => new Promise<never>(() => undefined))
      default:
        return question()
    }
  }
  return {
    publish: (channel, publication) => ask(() => broker.publish(channel, publication)),
    read: (channel, from, limit) => ask(() => broker.read(channel, from, limit)),
    heads: channels => ask(() => broker.heads(channels)),
    renew: (channel, held, leaseMs) => ask(() => broker.renew(channel, held, leaseMs)),
    subscribe: (channel, listener) => ask(() => broker.subscribe(channel, listener)),
    get status() {
      return broker.status
    },
    onStatus: listener => broker.onStatus(listener),
    close: () => broker.close(),
  }
}
