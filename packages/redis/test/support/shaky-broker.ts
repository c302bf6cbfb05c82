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
