import type { Broker, BrokerChannel, Feed, FeedListener, From, Page, PageLimit, Publication } from '@tautline/server'
import { TautlineError } from '@tautline/server'

type Position = Feed['head']

/** What carries messages to another process, and from it. */
export interface Channel {
  send(message: object): void
  listen(listener: (message: unknown) => void): void
}

type Ask =
  | { readonly ask: number; readonly do: 'publish'; readonly channel: BrokerChannel; readonly publication: Publication }
  | { readonly ask: number; readonly do: 'subscribe'; readonly channel: BrokerChannel; readonly feed: number }
  | { readonly ask: number; readonly do: 'leave'; readonly feed: number }
  | {
      readonly ask: number
      readonly do: 'read'
      readonly channel: BrokerChannel
      readonly from: From
      readonly limit: PageLimit
    }
  | { readonly ask: number; readonly do: 'heads'; readonly channels: readonly BrokerChannel[] }
  | {
      readonly ask: number
      readonly do: 'renew'
      readonly channel: BrokerChannel
      readonly held: ReadonlyMap<string, number>
      readonly leaseMs: number
    }

type Told =
  | { readonly answer: number; readonly value?: unknown; readonly error?: string }
  | { readonly feed: number; readonly epoch: string | null; readonly change: Parameters<FeedListener>[1] }

/** Omits distributively: what is asked, before it has a number. */
type Question = Ask extends infer A ? (A extends Ask ? Omit<A, 'ask'> : never) : never

/** The broker of a process whose memory is another process's, and outlives it. */
export class RemoteBroker implements Broker {
  readonly status = 'up'
  readonly #channel: Channel
  readonly #asked = new Map<number, (told: Extract<Told, { answer: number }>) => void>()
  readonly #feeds = new Map<number, FeedListener>()
  #number = 0

  constructor(channel: Channel) {
    this.#channel = channel
    channel.listen(message => {
      const told = message as Told
      if ('feed' in told) this.#feeds.get(told.feed)?.(told.epoch, told.change)
      else if ('answer' in told) this.#asked.get(told.answer)?.(told)
    })
  }

  publish(channel: BrokerChannel, publication: Publication): Promise<Position> {
    return this.#ask({ do: 'publish', channel: plain(channel), publication })
  }

  async subscribe(channel: BrokerChannel, listener: FeedListener): Promise<Feed> {
    const feed = ++this.#number
    this.#feeds.set(feed, listener)
    const head = await this.#ask<Position>({ do: 'subscribe', channel: plain(channel), feed })
    const close = () => {
      this.#feeds.delete(feed)
      this.#ask({ do: 'leave', feed }).catch(() => undefined)
    }
    return { head, close }
  }

  read(channel: BrokerChannel, from: From, limit: PageLimit): Promise<Page> {
    return this.#ask({ do: 'read', channel: plain(channel), from, limit })
  }

  heads(channels: readonly BrokerChannel[]): Promise<readonly Position[]> {
    return this.#ask({ do: 'heads', channels: channels.map(plain) })
  }

  renew(channel: BrokerChannel, held: ReadonlyMap<string, number>, leaseMs: number): Promise<readonly string[]> {
    return this.#ask({ do: 'renew', channel: plain(channel), held, leaseMs })
  }

  onStatus(): () => void {
    return () => undefined
  }

  async close(): Promise<void> {
    this.#feeds.clear()
  }

  #ask<Value>(question: Question): Promise<Value> {
    const ask = ++this.#number
    return new Promise((resolve, reject) => {
      this.#asked.set(ask, ({ value, error }) => {
        this.#asked.delete(ask)
        if (error === undefined) resolve(value as Value)
        else reject(new TautlineError('UNAVAILABLE', error))
      })
      this.#channel.send({ ...question, ask })
    })
  }
}

/** As much of a channel as brokers need: a server's own knows functions, which cannot travel. */
function plain({ name, retain }: BrokerChannel): BrokerChannel {
  if (retain.kind === 'none') return { name, retain: { kind: 'none' } }
  const { kind, count, seconds } = retain
  return { name, retain: { kind, count, seconds } }
}

/**
 * Lets another process use a broker of this one.
 *
 * @returns what ends all that the other process held.
 */
export function lendBroker(broker: Broker, channel: Channel): () => void {
  const feeds = new Map<number, Feed>()
  // Whoever was killed hears nothing.
  const tell = (told: Told) => channel.send(told)

  const answer = async (asked: Ask): Promise<unknown> => {
    switch (asked.do) {
      case 'publish':
        return broker.publish(asked.channel, asked.publication)
      case 'subscribe': {
        const listener: FeedListener = (epoch, change) => tell({ feed: asked.feed, epoch, change })
        const feed = await broker.subscribe(asked.channel, listener)
        feeds.set(asked.feed, feed)
        return feed.head
      }
      case 'leave': {
        const feed = feeds.get(asked.feed)
        feeds.delete(asked.feed)
        feed?.close()
        return undefined
      }
      case 'read':
        return broker.read(asked.channel, asked.from, asked.limit)
      case 'heads':
        return broker.heads(asked.channels)
      case 'renew':
        return broker.renew(asked.channel, asked.held, asked.leaseMs)
    }
  }
  channel.listen(message => {
    const asked = message as Ask
    if (!('ask' in asked)) return
    answer(asked).then(
      value => tell({ answer: asked.ask, value }),
      (error: unknown) => tell({ answer: asked.ask, error: String(error) }),
    )
  })
  return () => {
    for (const feed of feeds.values()) feed.close()
    feeds.clear()
  }
}
