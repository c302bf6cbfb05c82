import type { Position } from '@tautline/core/wire'

/** What a channel's memory keeps; `seconds` is `Infinity` where time does not matter. */
export type Retention =
  /** Nothing: who is not there misses it. */
  | { readonly kind: 'none' }
  /** The last messages, in order. */
  | { readonly kind: 'log'; readonly count: number; readonly seconds: number }
  /** The newest message of each key. */
  | { readonly kind: 'latest'; readonly count: number; readonly seconds: number }

/** A channel as brokers know it. The name is `channelOf()`'s: safe as a Redis key and as a NATS token. */
export interface BrokerChannel {
  readonly name: string
  readonly retain: Retention
}

/** One change of a channel, as it is stored and told. */
export interface Change {
  /** Its number in the epoch, from 1, by exactly one more each time; 0 where nothing is retained. */
  readonly offset: number
  /** The message, encoded; nobody but the publisher and the client ever looks into it. Absent: the key is gone. */
  readonly body: Uint8Array | undefined
  /** With `latest`: whose newest message this is. */
  readonly key: string | undefined
}

/** What is published. Without `body`, the key is retracted. */
export interface Publication {
  readonly body?: Uint8Array | undefined
  readonly key?: string | undefined
  /** The same within two minutes on the same channel: nothing is published, and the first one's position comes back. */
  readonly idempotencyKey?: string | undefined
  /** The key is retracted after so many ms, unless it is renewed or published again. */
  readonly leaseMs?: number | undefined
  /** With a retraction: only while the key's newest message has this offset. */
  readonly ifOffset?: number | undefined
}

/**
 * Told of every change, in order, or out of order and twice where the engine does that; `epoch` is null without `retain`.
 * With offset 0 of what is retained, it is told of no change, but of an epoch.
 */
export type FeedListener = (epoch: string | null, change: Change) => void

/** A live feed that is held. */
export interface Feed {
  /** The newest change when the feed began: whatever comes after it is told to the listener. */
  readonly head: Position
  /** Ends it; the listener may still be told of what was under way. */
  close(): void
}

/** Where reading begins: after that offset, or with the newest so many messages. */
export type From = { readonly after: number } | { readonly newest: number }

/** How much of it is read at once; at least one change, whatever its size. */
export interface PageLimit {
  readonly messages: number
  readonly bytes: number
}

/** A piece of a channel's memory, in order of offsets. */
export interface Page {
  readonly epoch: string
  /** What was asked for begins after this offset. */
  readonly after: number
  /** With this offset all of the piece is read; `head` when nothing is left. */
  readonly through: number
  readonly changes: readonly Change[]
  /** The newest change. */
  readonly head: number
  /** Who has everything up to an offset below this one has missed something for good. */
  readonly floor: number
}

/** Whether the engine behind a broker can be reached. */
export type BrokerStatus = 'up' | 'down'

/**
 * What carries messages between those who publish and those who subscribe, on one server or many, and what remembers
 * them. `memory()` is the default. The suite that every broker passes is `test/broker-suite.ts`.
 *
 * - A channel's memory belongs to an *epoch*. Whenever it may have lost a change that somebody was told of, it gets a new
 *   one, never used before; offsets begin again.
 * - A change is stored, numbered and told in one step: who is told of it can read it.
 * - A `log` drops its oldest messages past `count` and `seconds`. A `latest` keeps the newest change of each key; a key
 *   past `count` (oldest first) or `seconds` is retracted. Of retractions the last 1,000 are kept for 10 minutes, and in
 *   any case the newest change.
 * - A method whose engine cannot be reached rejects soon, with `UNAVAILABLE` and a true `mayHaveRun`; nothing is queued
 *   without bound, and nothing is published twice. The server gives every method 5 s.
 */
export interface Broker {
  /** Resolves when the change is in the channel's memory, with its position; `[null, 0]` without `retain`. */
  publish(channel: BrokerChannel, publication: Publication): Promise<Position>
  /**
   * Holds the live feed of a channel. It lives through reconnects of the engine; what was missed meanwhile is found by
   * {@link Broker.heads}.
   */
  subscribe(channel: BrokerChannel, listener: FeedListener): Promise<Feed>
  /** Reads a channel that retains something. Of a `latest`, each key's newest change alone is there. */
  read(channel: BrokerChannel, from: From, limit: PageLimit): Promise<Page>
  /**
   * The newest position of each channel; `undefined` where that part of the engine cannot be reached, and rejects when none
   * can.
   */
  heads(channels: readonly BrokerChannel[]): Promise<readonly (Position | undefined)[]>
  /**
   * Renews the leases of keys whose newest message still has the given offset. Resolves with the keys of which that is
   * not true.
   */
  renew(channel: BrokerChannel, held: ReadonlyMap<string, number>, leaseMs: number): Promise<readonly string[]>
  /** Whether the engine can be reached now. */
  readonly status: BrokerStatus
  /** Calls `listener` whenever that changes, and with `up` when a part of the engine is back; returns how to stop it. */
  onStatus(listener: (status: BrokerStatus) => void): () => void
  /** Ends all feeds and timers. */
  close(): Promise<void>
}
