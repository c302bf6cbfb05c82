import { TautlineError } from '@tautline/core'
import { Deadlines, type Position } from '@tautline/core/wire'
import type {
  Broker,
  BrokerChannel,
  BrokerStatus,
  Counts,
  Feed,
  FeedListener,
  From,
  Page,
  PageLimit,
  Publication,
} from '@tautline/server'
import { nanoid } from 'nanoid'
import { checkClient, dbOf, dialFeeds, isCluster, type RedisClient } from './client.ts'
import { type Argument, Commands, type Run } from './commands.ts'
import { countsOn } from './counts.ts'
import { ignore } from './failures.ts'
import { Feeds } from './feeds.ts'
import { Followed } from './followed.ts'
import { keysOf, onceKeyOf } from './keys.ts'
import { checkName, type RedisOptions, type RedisSettings, settingsOf } from './options.ts'
import { pageOf, type Reply, replyOf } from './replies.ts'
import { type Script, scripts } from './scripts.ts'
import { Shards } from './shards.ts'
import { messageOf, type Told } from './told.ts'

/** Width of the slots of a broker's deadlines, in ms. */
const RESOLUTION_MS = 100
/** Renewed by one script at the most: nobody else is answered meanwhile. */
const RENEWED_AT_ONCE = 500
/** Characters of a seed, each of 6 random bits. */
const SEED = 10
/** Bytes before the body of a `latest`: until when it lasts. */
const LASTS_BYTES = 8

/**
 * A broker on Redis: servers that are given one of the same Redis are one.
 *
 * @param client - of `ioredis`. It is only asked how to connect: the broker opens connections of its own, one for scripts
 * and one for pub/sub (in a cluster, both to each master), and closes them with `close()`.
 * @throws TypeError for a client that no broker can be made of, or an option that is wrong.
 */
export function redis(client: RedisClient, options: RedisOptions = {}): RedisBroker {
  return new RedisBroker(client, settingsOf(options))
}

type Channels = Extract<BrokerChannel['retain'], { kind: 'log' | 'latest' }>['kind']

/** A {@link Broker} on Redis, on which servers also count together; made by {@link redis}. */
export class RedisBroker implements Broker {
  readonly #settings: RedisSettings
  readonly #db: number
  /** Of all epochs that this process begins, beside the channel's name and the engine's time in µs. */
  readonly #seed = nanoid(SEED)
  readonly #deadlines: Deadlines
  readonly #commands: Commands
  readonly #feeds: Feeds
  /** Of a cluster. */
  readonly #shards: Shards | undefined
  readonly #followed: Followed
  readonly #ahead: () => number
  readonly #listeners = new Set<(status: BrokerStatus) => void>()
  #status: BrokerStatus = 'down'

  /**
   * @internal
   * @param ahead - ms that a test is ahead of the engine's clock.
   */
  constructor(client: RedisClient, settings: RedisSettings, ahead: () => number = () => 0) {
    checkClient(client)
    this.#settings = settings
    this.#db = dbOf(client)
    this.#ahead = ahead
    this.#deadlines = new Deadlines(settings.clock, RESOLUTION_MS)
    // What cannot be done now is, when the position is looked at the next time.
    this.#followed = new Followed(settings.clock, this.#deadlines, channel => void this.#head(channel).catch(ignore))
    const changed = () => this.#changed()
    this.#commands = new Commands(client, this.#deadlines, changed)
    this.#feeds = new Feeds(() => dialFeeds(client, this.#commands.connection), this.#deadlines, changed)
    this.#shards = this.#shardsOf(this.#commands.connection)
  }

  get status(): BrokerStatus {
    return this.#status
  }

  async publish(channel: BrokerChannel, publication: Publication): Promise<Position> {
    const { body, key, idempotencyKey, leaseMs, ifOffset } = publication
    if (body && body.length > this.#settings.channelBytes) {
      throw new TautlineError('RESOURCE_EXHAUSTED', 'larger than all that a channel may keep', { mayHaveRun: false })
    }
    const bytes = body && Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    if (channel.retain.kind === 'none' && idempotencyKey === undefined) return this.#tell(channel, key, bytes)
    const once = idempotencyKey === undefined ? [] : [onceKeyOf(this.#settings.prefix, channel, idempotencyKey)]
    const what = `${body ? 'm' : 'g'}${key === undefined ? '' : 'k'}${once.length > 0 ? 'o' : ''}`
    const args = [bytes ?? '']
    if (key !== undefined) args.push(key, String(leaseMs ?? ''), String(ifOffset ?? ''))
    const reply = await this.#run(scripts.publish[channel.retain.kind], channel, what, args, once)
    const epoch = reply.text(0)
    return [epoch === '-' ? null : epoch, reply.number(1)]
  }

  async subscribe(channel: BrokerChannel, listener: FeedListener): Promise<Feed> {
    const stop = await this.#listen(this.#keysOf(channel).feed, told => {
      this.#followed.heard(channel, told)
      listener(told.epoch, told.change)
    })
    this.#followed.enter(channel)
    let open = true
    const close = () => {
      if (!open) return
      open = false
      stop()
      this.#followed.leave(channel)
    }
    try {
      return { head: await this.#head(channel), close }
    } catch (error) {
      close()
      throw error
    }
  }

  async read(channel: BrokerChannel, from: From, limit: PageLimit): Promise<Page> {
    const kind = retainedKind(channel)
    const [what, number] = 'after' in from ? ['after', from.after] : ['newest', from.newest]
    const bytes = Math.min(limit.bytes, Number.MAX_SAFE_INTEGER)
    const reply = await this.#run(scripts.read[kind], channel, what, [number, limit.messages, bytes])
    return pageOf(reply, kind === 'latest' ? LASTS_BYTES : 0)
  }

  /** While one master of a cluster is gone, the channels of all others are compared all the same. */
  async heads(channels: readonly BrokerChannel[]): Promise<readonly (Position | undefined)[]> {
    const looked = await Promise.allSettled(channels.map(channel => this.#head(channel)))
    const failed = looked.filter(head => head.status === 'rejected')
    if (failed[0] && failed.length === looked.length) throw failed[0].reason
    return looked.map(head => (head.status === 'fulfilled' ? head.value : undefined))
  }

  async renew(channel: BrokerChannel, held: ReadonlyMap<string, number>, leaseMs: number): Promise<readonly string[]> {
    if (channel.retain.kind !== 'latest') return [...held.keys()]
    const keys = [...held]
    const lost: string[] = []
    for (let i = 0; i < keys.length; i += RENEWED_AT_ONCE) {
      const reply = await this.#run(scripts.renew.latest, channel, '-', [
        leaseMs,
        ...keys.slice(i, i + RENEWED_AT_ONCE).flat(),
      ])
      for (let j = 0; j < reply.length; j++) lost.push(reply.text(j))
    }
    return lost
  }

  /**
   * What a `rateLimit` of all servers counts with.
   *
   * @param limit - its name: letters, digits, `_ . : -`. Limits of the same name count together.
   * @throws TypeError for another name.
   */
  counts(limit: string): Counts {
    checkName('the name of a limit', limit)
    return countsOn(this.#commands, this.#settings.prefix, limit)
  }

  onStatus(listener: (status: BrokerStatus) => void): () => void {
    const own = (status: BrokerStatus) => listener(status)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  async close(): Promise<void> {
    this.#listeners.clear()
    this.#commands.close()
    this.#feeds.close()
    this.#shards?.close()
    this.#deadlines.clear()
    this.#followed.clear()
  }

  /** What nobody remembers is told without a script. */
  async #tell(channel: BrokerChannel, key: string | undefined, body: Buffer | undefined): Promise<Position> {
    await this.#commands.tell(run => this.#telling(run), this.#keysOf(channel).feed, messageOf(key, body))
    return [null, 0]
  }

  /** The command by which changes are told. */
  #telling(run: Run): string {
    return run.sharded && this.#settings.sharded ? 'SPUBLISH' : 'PUBLISH'
  }

  /** Whoever publishes may tell in either way: a fleet in which some do so in one and some in the other loses nothing. */
  async #listen(feed: string, listener: (told: Told) => void): Promise<() => void> {
    const stop = await this.#feeds.listen(feed, listener)
    if (!this.#shards) return stop
    try {
      const stopShard = await this.#shards.listen(feed, listener)
      return () => {
        stop()
        stopShard()
      }
    } catch (error) {
      stop()
      throw error
    }
  }

  #shardsOf(cluster: RedisClient): Shards | undefined {
    if (!isCluster(cluster)) return undefined
    return new Shards({
      cluster,
      deadlines: this.#deadlines,
      exist: () => this.#commands.sharded(),
      renewed: () => this.#compare(),
    })
  }

  /** The newest position; what is due by then is done. */
  async #head(channel: BrokerChannel): Promise<Position> {
    const { kind } = channel.retain
    if (kind === 'none') return this.#nothing()
    const reply = await this.#run(scripts.head[kind], channel, '-', [])
    const [epoch, head, wait] = [reply.text(0), reply.number(1), reply.number(2)]
    this.#followed.learned(channel, { epoch, head, run: reply.text(3) }, wait < 0 ? undefined : wait)
    return [epoch, head]
  }

  /** Of what retains nothing there is nothing to ask, but a closed broker says so. */
  async #nothing(): Promise<Position> {
    this.#commands.checkOpen()
    return [null, 0]
  }

  async #run(
    script: Script,
    channel: BrokerChannel,
    what: string,
    args: readonly Argument[],
    more: readonly string[] = [],
  ): Promise<Reply> {
    const { memory, feedEnd } = this.#keysOf(channel)
    const reply = await this.#commands.run(script, [...memory, ...more], run => [
      `${this.#wordsOf(channel, run)} ${what} ${this.#telling(run)} ${feedEnd}`,
      ...args,
    ])
    return replyOf(reply)
  }

  /** What all scripts are told first: see `lua/base.ts`. */
  #wordsOf({ name, retain }: BrokerChannel, { id, durable }: Run): string {
    const { count, seconds } = retain.kind === 'none' ? { count: 0, seconds: 0 } : retain
    const ms = Number.isFinite(seconds) ? Math.ceil(seconds * 1_000) : 0
    const { epoch, head, run } = this.#followed.knownOf(name)
    const { channelBytes } = this.#settings
    const ahead = Math.round(this.#ahead())
    const seldom = `${durable ? 1 : 0},${this.#seed},${epoch},${head}`
    return `${count} ${ms} ${channelBytes} ${ahead} ${id || '-'} ${run} ${seldom}`
  }

  #keysOf(channel: BrokerChannel) {
    return keysOf(this.#settings.prefix, this.#db, channel)
  }

  #changed(): void {
    const status = this.#commands.up && this.#feeds.up ? 'up' : 'down'
    if (status === this.#status) return
    this.#status = status
    for (const listener of this.#listeners) listener(status)
  }

  /** A part of the engine was away, and is back: whoever follows channels compares positions. */
  #compare(): void {
    if (this.#status === 'up') for (const listener of this.#listeners) listener('up')
  }
}

function retainedKind({ name, retain }: BrokerChannel): Channels {
  if (retain.kind === 'none') throw new TypeError(`${name} retains nothing that could be read`)
  return retain.kind
}
