/**
 * What goes over the wire: one type per frame, its tuple and its direction (protocol.md, "Frames").
 * How a received frame is distrusted stands in `parse.ts`, how it becomes bytes in `codec.ts`.
 */
import type { WireError } from '../errors.ts'

export type { WireError } from '../errors.ts'
/** The number that stands first in a frame. */
export * as FrameType from './frame-type.ts'

/** Where a frame comes from. */
export type Side = 'client' | 'server'

/** The other side broke the protocol or a limit: the socket is closed with `code`, and `reason` says why. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  /** What the socket is closed with; 4500 unless told otherwise. */
  readonly code: number
  /** Safe to send and to log: it never holds what the other side sent. */
  readonly reason: string

  constructor(reason: string, code = 4500) {
    super(reason)
    this.code = code
    this.reason = reason
  }
}

/** Refuses what the other side sent. Nothing of it stands in the reason: that is logged, and sent back. */
export function refuse(reason: string): never {
  throw new ProtocolError(reason)
}

/** Whether frames of this type are numbered, acknowledged and sent again after a drop; also when it is unknown. */
export function isCounted(type: number): boolean {
  return (type >= 2 && type <= 7) || type === 14 || (type >= 32 && type <= 63)
}

/**
 * A position in a topic's memory: the offset of a message within an epoch. Without `retain` the epoch is `null` and the
 * offset 0.
 */
export type Position = readonly [epoch: string | null, offset: number]

/** The server's limits that concern a client. */
export interface Limits {
  /** Largest message that the server takes, in bytes. */
  readonly messageBytes: number
  /** Credit for items up that a stream begins with, in bytes. */
  readonly window: number
  /** Calls and streams in flight per session. */
  readonly calls: number
  /** Inputs and unsent answers of calls in flight per session, in bytes. */
  readonly callBytes: number
  /** Subscriptions per session. */
  readonly subscriptions: number
  /** CALL, ITEM, SUBSCRIBE and PUBLISH per second and session, in the long run. */
  readonly rate: number
  /** The same frames at once. */
  readonly burst: number
  /** Bytes that the server keeps for replay per session. */
  readonly replayBytes: number
  /** Longest timeout that a client may ask for, in ms. */
  readonly timeoutMs: number
}

/** The map of HELLO. `session` names the session to resume. */
export interface HelloFields {
  readonly token?: string | undefined
  readonly session?: readonly [id: string, received: number, attempt: number] | undefined
  /** Hash of the client's contract. */
  readonly contract?: string | undefined
  /** Name and version of the client's library. */
  readonly client?: string | undefined
  readonly features?: readonly string[] | undefined
}

/** The map of WELCOME: the numbers that the client keeps to. */
export interface WelcomeFields {
  /** The session's secret name, by which it is resumed. */
  readonly session: string
  readonly publicId: string
  readonly resumed: boolean
  /** Counted frames of this session that the server has received. */
  readonly received: number
  /** Hash of the server's contract. */
  readonly contract?: string | undefined
  readonly heartbeatMs: number
  readonly resumeMs: number
  readonly limits: Limits
  readonly features?: readonly string[] | undefined
  /** What the client puts into the URL when it resumes, so that a balancer finds the same server. */
  readonly route?: string | undefined
  /**
   * Names the memory of keyed calls' outcomes. A keyed call that may have run is sent again only to a server with the
   * same one: any other would run it a second time.
   */
  readonly outcomes?: string | undefined
}

/** The last field of CALL. */
export interface CallFields {
  /** What is left of the caller's deadline, in ms. */
  readonly timeoutMs?: number | undefined
  /** Credit for items down that the stream begins with, in bytes. */
  readonly window?: number | undefined
  /** Makes the call idempotent: the same key has one outcome. */
  readonly key?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** The last field of SUBSCRIBE. `since` wins over `rewind`. */
export interface SubscribeFields {
  readonly since?: Position | undefined
  /** How many of the newest retained messages to begin with. */
  readonly rewind?: number | undefined
  /**
   * With `since` in a `latestBy` topic whose keys have not all arrived: `head` of the SUBSCRIBED that began them. Keys
   * that were retracted before it never reached the client, so their retractions are not missed.
   */
  readonly base?: number | undefined
}

/** The map of SUBSCRIBED: let in. */
export interface SubscribedFields {
  readonly channel: string
  readonly epoch: string | null
  /** Everything after it follows. */
  readonly offset: number
  /** The newest message: at or above it the subscriber has caught up. */
  readonly head: number
  /** Whether messages between the asked position and `offset` are lost. */
  readonly gap: boolean
}

/** The map of SUBSCRIBED: refused. */
export interface RefusedFields {
  readonly error: WireError
}

/** The last field of PUBLISH. */
export interface PublishFields {
  /** Makes the publication idempotent. */
  readonly key?: string | undefined
}

/** The map of DRAIN. */
export interface DrainFields {
  /** Work as usual for so long. */
  readonly inMs: number
  /** Then wait at most so long for what is open. */
  readonly graceMs: number
}

/** The path of an entry; or, where both sides have the same contract, its number in it. */
export type EntryName = string | number

/** Client to server: opens a session, or resumes one. */
export type Hello = readonly [type: 0, fields: HelloFields]
/** Server to client: accepted. */
export type Welcome = readonly [type: 1, fields: WelcomeFields]
/** Client to server: starts a procedure or a stream. */
export type Call = readonly [type: 2, id: number, entry: EntryName, input?: unknown, fields?: CallFields | undefined]
/** Both: one stream item. */
export type Item = readonly [type: 3, id: number, value: unknown]
/** Server to client: the result. Client to server: no more items up. */
export type End = readonly [type: 4, id: number, value?: unknown]
/** Server to client: the exchange is over, badly. Client to server: the source of items up failed. */
export type Fail = readonly [type: 5, id: number, error: WireError]
/** Client to server: the caller lost interest. */
export type Cancel = readonly [type: 6, id: number]
/** Both: room for that many more bytes of items. */
export type Credit = readonly [type: 7, id: number, bytes: number]
/** Client to server. */
export type Subscribe = readonly [
  type: 8,
  id: number,
  entry: string,
  params?: unknown,
  fields?: SubscribeFields | undefined,
]
/** Server to client: let in, or refused. */
export type Subscribed = readonly [type: 9, id: number, fields: SubscribedFields | RefusedFields]
/** Server to client: one message; the same bytes for every subscriber of the channel. */
export type Message = readonly [type: 10, channel: string, offset: number, message: unknown, key?: string | undefined]
/** Server to client: a `latestBy` key is gone. */
export type Retract = readonly [type: 11, channel: string, offset: number, key: string]
/** Server to client: what lies before this position and did not reach you is lost. */
export type Gap = readonly [type: 12, channel: string, epoch: string | null, offset: number]
/** Client to server: enough. Server to client: no longer allowed, or gone. */
export type Unsubscribe = readonly [type: 13, id: number, error?: WireError | undefined]
/** Client to server: a message for a channel. */
export type Publish = readonly [
  type: 14,
  id: number,
  entry: EntryName,
  params: unknown,
  message?: unknown,
  fields?: PublishFields | undefined,
]
/** Both: answer with PONG at once. */
export type Ping = readonly [type: 15]
/** Both: the answer to PING. */
export type Pong = readonly [type: 16]
/** Both: counted frames received so far. */
export type Ack = readonly [type: 17, received: number]
/** Server to client: bring a fresh token. Client to server: here it is. */
export type Token = readonly [type: 18, token?: string | undefined]
/** Server to client: when to leave. */
export type Drain = readonly [type: 19, fields: DrainFields]

/** What a client may send. */
export type ClientFrame =
  | Hello
  | Call
  | Item
  | End
  | Fail
  | Cancel
  | Credit
  | Subscribe
  | Unsubscribe
  | Publish
  | Ping
  | Pong
  | Ack
  | Token

/** What a server may send. */
export type ServerFrame =
  | Welcome
  | Item
  | End
  | Fail
  | Credit
  | Subscribed
  | Message
  | Retract
  | Gap
  | Unsubscribe
  | Ping
  | Pong
  | Ack
  | Token
  | Drain

/** Any frame; its first element tells which. */
export type Frame = ClientFrame | ServerFrame
