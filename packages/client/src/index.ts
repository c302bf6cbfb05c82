/**
 * The Tautline client: {@link connect} to a server, and call it through its contract.
 *
 * @module
 */
export * from '@tautline/core'
export { type Client, type Connection, connect } from './connect.ts'
export type { ConnectionEvents, Skew } from './events.ts'
export type { ClientCall, ClientInterceptor } from './interceptors.ts'
export type { ClientLimits, ConnectOptions, TokenSource } from './options.ts'
export { type Outcome, safe } from './safe.ts'
export { type ItemQueue, queue } from './source.ts'
export type { ConnectionState } from './states.ts'
export type { WebSocketClass, WebSocketLike } from './websocket.ts'
