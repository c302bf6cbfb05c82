import type { TautlineError } from '@tautline/core'
import { type Clock, type Socket, systemClock } from '@tautline/core/wire'
import type { ClientInterceptor } from './interceptors.ts'
import { type WebSocketClass, webSocket } from './websocket.ts'

/** Where a token comes from: a string, or nothing for a client that is nobody in particular. */
export type TokenSource = () => string | null | undefined | Promise<string | null | undefined>

/** What a client holds at most. */
export interface ClientLimits {
  /** Largest message it takes, in bytes, whatever the server announces. Default 16 MiB. */
  readonly messageBytes: number
  /** Sent frames it keeps until the server has acknowledged them, in bytes. Default 1 MiB. */
  readonly replayBytes: number
  /** Requests that wait for a connection, or for their turn on it. Default 1,000. */
  readonly outboxRequests: number
  /** Bytes of such requests. Default 1 MiB. */
  readonly outboxBytes: number
  /** Items of one stream that wait to be read, in bytes, at most 1 MiB. Default 256 KiB. */
  readonly window: number
  /** Messages of one subscription that wait to be read. Default 1,000. */
  readonly queueMessages: number
  /** Bytes of such messages. Default 1 MiB. */
  readonly queueBytes: number
}

/** How a client connects. */
export interface ConnectOptions {
  /** Where the server is, `ws:`, `wss:`, `http:` or `https:`. A relative one is resolved when the client dials. */
  readonly url: string | URL
  /**
   * Asked before every dial, and whenever the server wants a fresh one. When it throws, or takes longer than
   * `connectTimeout`, that dial has failed: the client tells `connection.on('error')` and tries again later.
   */
  readonly token?: TokenSource | undefined
  /** Wrap every call, stream and publish, the first one outermost. */
  readonly interceptors?: readonly ClientInterceptor[] | undefined
  /** How long a procedure or a publish may take, in ms, 1 to 3,600,000, unless it says so itself. Default 30,000. */
  readonly timeout?: number | undefined
  /** How long each step of a dial (token, socket, welcome) may take, in ms. Default 10,000. */
  readonly connectTimeout?: number | undefined
  readonly limits?: Partial<ClientLimits> | undefined
  /** The WebSocket class; the platform's unless told otherwise. */
  readonly WebSocket?: WebSocketClass | undefined
  /** Opens a transport that is no WebSocket; then `WebSocket` is not used. */
  readonly socket?: ((url: string) => Socket) | undefined
  /** The clock everything runs on; the machine's unless told otherwise. */
  readonly clock?: Clock | undefined
  /** A number from 0 to 1, for back-off. Default `Math.random`. */
  readonly random?: (() => number) | undefined
}

/** {@link ConnectOptions} with every default in its place. */
export interface Settings {
  readonly url: string | URL
  readonly token: TokenSource
  readonly interceptors: readonly ClientInterceptor[]
  readonly timeout: number
  readonly connectTimeout: number
  readonly limits: ClientLimits
  readonly socket: (url: string) => Socket
  readonly clock: Clock
  readonly random: () => number
}

/** What the client tells `connection.on('error')`. */
export type Report = (error: TautlineError, info?: { readonly entry?: string }) => void

const MIB = 1_048_576
const LONGEST_MS = 3_600_000
/** A WebSocket that is told a larger limit than this may have none at all. */
const LARGEST = 2 ** 31 - 1

const LIMITS: ClientLimits = {
  messageBytes: 16 * MIB,
  replayBytes: MIB,
  outboxRequests: 1_000,
  outboxBytes: MIB,
  window: MIB / 4,
  queueMessages: 1_000,
  queueBytes: MIB,
}

/**
 * Puts every default in its place.
 *
 * @throws {RangeError} when a number is no integer from 1 to 2³¹ − 1
 */
export function settingsOf(options: ConnectOptions): Settings {
  const { clock = systemClock, WebSocket, timeout = 30_000, connectTimeout = 10_000 } = options
  const limits = { ...LIMITS, ...options.limits }
  for (const [name, value] of Object.entries({ ...limits, timeout, connectTimeout })) {
    if (!Number.isInteger(value) || value < 1 || value > LARGEST) {
      throw new RangeError(`${name} must be an integer from 1 to ${LARGEST}`)
    }
  }
  if (timeout > LONGEST_MS) throw new RangeError(`timeout must be at most ${LONGEST_MS}`)
  return {
    url: options.url,
    token: options.token ?? (() => undefined),
    interceptors: options.interceptors ?? [],
    timeout,
    connectTimeout,
    limits,
    socket: options.socket ?? (url => webSocket(url, { clock, messageBytes: limits.messageBytes, WebSocket })),
    clock,
    random: options.random ?? Math.random,
  }
}
