/**
 * The Tautline server: {@link serve} a contract with its handlers, publish, and look after sessions.
 *
 * @module
 */
export * from '@tautline/core'
export type { UpgradeRequest } from './arrival.ts'
export type { Authenticate, Authenticated, AuthenticateRequest } from './auth.ts'
export type {
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
  Retention,
} from './broker.ts'
export { type CallerOptions, type CreateCallerOptions, createCaller } from './caller.ts'
export type { Count, Counts } from './counts.ts'
export type { CallTrace, SessionTrace } from './diagnostics.ts'
export type { OnError } from './failures.ts'
export { anyone } from './handlers.ts'
export type { ServerLimits } from './limits.ts'
export { type MemoryOptions, memory } from './memory.ts'
export { narrow } from './narrow.ts'
export type { ServeOptions } from './options.ts'
export type { Origins } from './origin.ts'
export { type PublisherOptions, publisher } from './publisher.ts'
export { serve } from './serve.ts'
export type { Server } from './server.ts'
export type { SessionHandle } from './session-handle.ts'
export type { Stats } from './stats.ts'
export type { Calls } from './tally.ts'
