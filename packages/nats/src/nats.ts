import type { Msg } from '@nats-io/transport-node'
import { TautlineError } from '@tautline/core'
import { Deadlines, Following, type Position } from '@tautline/core/wire'
import type {
  Broker,
  BrokerChannel,
  BrokerStatus,
  Change,
  Feed,
  FeedListener,
  From,
  Page,
  PageLimit,
  Publication,
} from '@tautline/server'
import { connectionOptionsOf, type NatsClient } from './client.ts'
import { EngineClock } from './engine-clock.ts'
import { ignore } from './failures.ts'
import { Feeds } from './feeds.ts'
import { Janitor } from './janitor.ts'
import { Journals } from './journals.ts'
import { Line } from './line.ts'
import { Load } from './load.ts'
import { subjectsOf } from './names.ts'
import { type NatsOptions, type NatsSettings, settingsOf } from './options.ts'
import { Store } from './store.ts'
import { Stream } from './stream.ts'
import { changesOf, headersOfKey, toldOf, unretainedOf } from './told.ts'

/** Width of the slots of a broker's deadlines, in ms. */
const RESOLUTION_MS = 100
/** What a message takes beside its body, at the most, in bytes. */
const ENVELOPE = 8_192
/** A server takes messages of so many bytes unless it says something else. */
const USUAL_PAYLOAD = 1_024 * 1_024
/** What is told of an epoch that has no change yet. */
const NEWS: Change = { offset: 0, key: undefined, body: undefined }

/**
 * A broker on NATS JetStream: servers that are given one of the same NATS are one.
 *
 * @param client - options of `connect()` of `@nats-io/transport-node`, or a connection that it made. A connection is only
 * asked how to connect: the broker opens one of its own, and closes it with `close()`.
 * @throws TypeError for a client that no broker can be made of, or an option that is wrong.
 */
export function nats(client: NatsClient, options: NatsOptions = {}): Broker {
  return new NatsBroker(client, settingsOf(options))
}

/** The epoch that a feed was told of last. */
interface Last {
  epoch: string | null
}

/** See {@link nats}. */
export class NatsBroker implements Broker {
  readonly #settings: NatsSettings
  readonly #deadlines: Deadlines
  readonly #line: Line
  readonly #journals: Journals
  readonly #feeds = new Feeds()
  readonly #load = new Load()
  readonly #janitor: Janitor
  /** What is due in a stream that knows nothing of it. Every process that follows a channel tries; the first one does it. */
  readonly #following: Following
  readonly #listeners = new Set<(status: BrokerStatus) => void>()
  #status: BrokerStatus = 'down'
  #maxPayload = USUAL_PAYLOAD

  constructor(client: NatsClient, settings: NatsSettings) {
    const { clock, prefix, channelBytes, stream } = settings
    const engineClock = new EngineClock(clock)
    const remembers = new Stream(settings, engineClock)
    this.#settings = settings
    this.#deadlines = new Deadlines(clock, RESOLUTION_MS)
    this.#following = new Following(clock, this.#deadlines)
    this.#line = new Line({
      options: connectionOptionsOf(client),
      deadlines: this.#deadlines,
      changed: () => this.#changed(),
      check: engine => remembers.isSame(engine),
      prepare: async engine => {
        this.#maxPayload = engine.connection.info?.max_payload ?? USUAL_PAYLOAD
        this.#feeds.attach(engine.connection)
        await remembers.prepare(engine)
      },
    })
    const store = new Store(this.#line, stream)
    this.#journals = new Journals(prefix, channelBytes, { store, engineClock, clock })
    this.#janitor = new Janitor({ store, engineClock, prefix, deadlines: this.#deadlines })
  }

  get status(): BrokerStatus {
    return this.#status
  }

  publish(channel: BrokerChannel, publication: Publication): Promise<Position> {
    return this.#load.carry(publication.body?.length ?? 0, () => this.#publish(channel, publication))
  }

  async subscribe(channel: BrokerChannel, listener: FeedListener): Promise<Feed> {
    await this.#line.ready()
    const { name, retain } = channel
    let open = true
    const tell: FeedListener = (epoch, change) => {
      if (open) listener(epoch, change)
    }
    const last: Last = { epoch: null }
    const hear = retain.kind === 'none' ? hearUnretained(tell) : this.#hearRetained(channel, last, tell)
    const stop = this.#feeds.listen(subjectsOf(this.#settings.prefix, name).feed, hear)
    this.#following.enter(name)
    const close = () => {
      if (!open) return
      open = false
      stop()
      this.#following.leave(name)
    }
    try {
      await this.#line.flush()
      const head = await this.#head(channel)
      last.epoch ??= head[0]
      return { head, close }
    } catch (error) {
      close()
      throw error
    }
  }

  async read(channel: BrokerChannel, from: From, limit: PageLimit): Promise<Page> {
    if (channel.retain.kind === 'none') throw new TypeError(`${channel.name} retains nothing that could be read`)
    return this.#load.carry(0, () => this.#journals.of(channel).read(from, limit))
  }

  heads(channels: readonly BrokerChannel[]): Promise<readonly Position[]> {
    return Promise.all(channels.map(channel => this.#head(channel)))
  }

  async renew(channel: BrokerChannel, held: ReadonlyMap<string, number>, leaseMs: number): Promise<readonly string[]> {
    if (channel.retain.kind !== 'latest') return [...held.keys()]
    return this.#load.carry(0, () => this.#journals.of(channel).renew(held, leaseMs))
  }

  onStatus(listener: (status: BrokerStatus) => void): () => void {
    const own = (status: BrokerStatus) => listener(status)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  async close(): Promise<void> {
    this.#listeners.clear()
    this.#janitor.close()
    this.#feeds.close()
    this.#following.clear()
    const closed = this.#line.close()
    this.#journals.close()
    this.#deadlines.clear()
    await closed
  }

  async #publish(channel: BrokerChannel, publication: Publication): Promise<Position> {
    this.#line.checkOpen()
    const { name, retain } = channel
    const { body, idempotencyKey } = publication
    if (body && body.length > Math.min(this.#settings.channelBytes, this.#maxPayload - ENVELOPE)) {
      throw new TautlineError('RESOURCE_EXHAUSTED', 'larger than all that a channel may keep, or NATS carries', {
        mayHaveRun: false,
      })
    }
    if (retain.kind === 'none') {
      if (idempotencyKey === undefined) await this.#tell(name, publication)
      else await this.#journals.of(channel).publish(publication)
      return [null, 0]
    }
    return this.#journals.of(channel).publish(publication)
  }

  /** Without memory, and with nothing to be compared: core NATS. Resolves when the engine has it. */
  async #tell(name: string, { body, key }: Publication): Promise<void> {
    const { feed } = subjectsOf(this.#settings.prefix, name)
    if (!body) return this.#line.ready()
    const options = key === undefined ? {} : { headers: headersOfKey(key) }
    return this.#line.send(connection => connection.publish(feed, body, options))
  }

  #hearRetained(channel: BrokerChannel, last: Last, tell: FeedListener): (message: Msg) => void {
    return message => {
      const told = toldOf(message)
      if (!told) return
      const { record } = told
      const { epoch } = record
      const changes = changesOf(record, message.data)
      this.#journals.of(channel).heard(told)
      this.#plan(channel)
      // A memory was lost, and nothing is in the new one yet: no change, but news.
      if (changes.length === 0 && last.epoch !== null && last.epoch !== epoch) tell(epoch, NEWS)
      last.epoch = epoch
      for (const change of changes) tell(epoch, change)
    }
  }

  /** The newest position; what is due by then is done. */
  async #head(channel: BrokerChannel): Promise<Position> {
    this.#line.checkOpen()
    if (channel.retain.kind === 'none') return [null, 0]
    const position = await this.#load.carry(0, () => this.#journals.of(channel).position())
    this.#plan(channel)
    return position
  }

  /** What becomes due in a channel that is followed here is done then. */
  #plan(channel: BrokerChannel): void {
    const { name } = channel
    const ms = this.#following.has(name) ? this.#journals.find(name)?.dueIn : undefined
    if (ms === undefined || !Number.isFinite(ms)) return
    // What cannot be done now is, when the position is looked at the next time.
    this.#following.plan(name, ms, () => void this.#head(channel).catch(ignore))
  }

  #changed(): void {
    const status = this.#line.up ? 'up' : 'down'
    if (status === this.#status) return
    this.#status = status
    for (const listener of this.#listeners) listener(status)
  }
}

function hearUnretained(tell: FeedListener): (message: Msg) => void {
  return message => {
    for (const change of unretainedOf(message)) tell(null, change)
  }
}
