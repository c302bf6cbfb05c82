import { channelOf, type Memory, memoryOf, parse, TautlineError, type TopicEntry } from '@tautline/core'
import { encodeValue, type Position } from '@tautline/core/wire'
import type { Broker, BrokerChannel } from './broker.ts'
import { isThenable } from './thenable.ts'
import type { PublishOptions, TopicsPort } from './topics.ts'

/** Most characters of a key of a message. */
const LONGEST_KEY = 1_024
/** Most characters of an idempotency key; a client's comes with whose it is and what for. */
const LONGEST_IDEMPOTENCY_KEY = 8_192
/** What a frame holds beside channel, key and message, in bytes, at most. */
const FRAME_BYTES = 32

/** What publications need. */
export interface PublicationsParts {
  readonly broker: Broker
  readonly limits: {
    /** Largest message that a client takes, in bytes. */
    readonly messageBytes: number
  }
}

/** How a publication differs from others. */
export interface PublicationOptions extends PublishOptions {
  readonly leaseMs?: number | undefined
}

/** A publication on its way: checked, encoded once, and nobody told of it yet. */
export interface Prepared {
  readonly channel: BrokerChannel
  readonly key: string | undefined
  readonly body: Uint8Array
}

/** What a topic remembers, and the channel of a topic with these parsed params. */
export function channelRef(topic: TopicEntry, params: unknown): BrokerChannel {
  return { name: channelOf(topic.path, params), retain: retentionOf(topic) }
}

const memories = new WeakMap<TopicEntry, Memory>()

/** What a topic remembers. */
export function retentionOf(topic: TopicEntry): Memory {
  const known = memories.get(topic)
  if (known) return known
  const memory = memoryOf(topic.retain)
  memories.set(topic, memory)
  return memory
}

/** Publishes on a broker: each message is validated and encoded once, here. */
export class Publications implements TopicsPort {
  readonly #parts: PublicationsParts

  constructor(parts: PublicationsParts) {
    this.#parts = parts
  }

  /**
   * Publishes a message.
   *
   * @throws {@link TautlineError} `INVALID_ARGUMENT` when it does not fit, `RESOURCE_EXHAUSTED` when no client would take
   * it, `UNAVAILABLE` with `mayHaveRun` from the broker; and what the topic's schema or `latestBy` throws.
   */
  async publish(topic: TopicEntry, params: unknown, message: unknown, options: PublishOptions = {}): Promise<Position> {
    const prepared = this.prepare(topic, params, message, options)
    return this.send(isThenable(prepared) ? await prepared : prepared, options)
  }

  /** Takes a key out of a `latestBy` topic. Resolves with the newest position, also when there was no such key. */
  async retract(topic: TopicEntry, params: unknown, key: string): Promise<Position> {
    if (retentionOf(topic).kind !== 'latest') throw new TypeError(`'${topic.path}' has no keys that could be retracted`)
    return this.#parts.broker.publish(channelRef(topic, params), { key })
  }

  /** Checks and encodes; nothing is published yet. A promise only where the topic's schema answers with one. */
  prepare(
    topic: TopicEntry,
    params: unknown,
    message: unknown,
    options: PublishOptions,
  ): Prepared | PromiseLike<Prepared> {
    if (options.key !== undefined) checkKey(options.key, 'an idempotency key', LONGEST_IDEMPOTENCY_KEY)
    const channel = channelRef(topic, params)
    const value = parse(topic.message, message, 'a message', topic.path)
    if (isThenable(value)) return value.then(late => this.#prepared(topic, channel, late))
    return this.#prepared(topic, channel, value)
  }

  /** Hands it to the broker. */
  send({ channel, key, body }: Prepared, { key: idempotencyKey, leaseMs }: PublicationOptions): Promise<Position> {
    return this.#parts.broker.publish(channel, { body, key, idempotencyKey, leaseMs })
  }

  #prepared(topic: TopicEntry, channel: BrokerChannel, value: unknown): Prepared {
    const retain = retentionOf(topic)
    const key =
      retain.kind === 'latest' ? checkKey(retain.keyOf(value), `the key of a message of ${topic.path}`) : undefined
    const { bytes } = encodeValue(value)
    const size = bytes.length + channel.name.length + 3 * (key?.length ?? 0) + FRAME_BYTES
    const { messageBytes } = this.#parts.limits
    if (size <= messageBytes) return { channel, key, body: bytes }
    throw new TautlineError('RESOURCE_EXHAUSTED', `a message of ${size} bytes is over the limit of ${messageBytes}`)
  }
}

function checkKey(key: unknown, what: string, longest = LONGEST_KEY): string {
  if (typeof key !== 'string' || key.length < 1 || key.length > longest || /\p{Surrogate}/u.test(key)) {
    throw new TautlineError('INVALID_ARGUMENT', `${what} must be a string of 1 to ${longest} characters`)
  }
  return key
}
