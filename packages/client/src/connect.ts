import type { Api, Outline } from '@tautline/core'
import { apiOf } from './api.ts'
import { Connection as Line } from './connection.ts'
import type { ConnectionEvents } from './events.ts'
import { type ConnectOptions, settingsOf } from './options.ts'
import type { ConnectionState } from './states.ts'

/** The connection behind an `api`: what it is doing, and the few things one may tell it to do. */
export interface Connection {
  /** Where it stands. */
  readonly state: ConnectionState
  /** How long the server took to answer the last time it was asked, in ms; `undefined` before. */
  readonly latency: number | undefined
  /** Adds a listener; returns what removes it. */
  readonly on: <Name extends keyof ConnectionEvents>(name: Name, listener: ConnectionEvents[Name]) => () => void
  /** Dials now, with a fresh token: before anything needs it, instead of waiting, or after a stop. */
  readonly open: () => void
  /** Brings the server a new token now, after log-in or log-out. Another identity is another session. */
  readonly refresh: () => void
  /** Ends it: what is in flight fails with `UNAVAILABLE`, subscriptions are closed, nothing is left. */
  readonly close: () => void
}

/** What {@link connect} returns. */
export interface Client<Contract> {
  /** The contract as functions. */
  readonly api: Api<Contract>
  readonly connection: Connection
}

/**
 * Connects a contract, or its outline (`connect<typeof chat>(outline, …)`), to a server. It is lazy: nothing is opened
 * before the first call or subscription, or `connection.open()`.
 *
 * @throws {TypeError} when the tree has not been through `contract()` or `outlineOf()`
 * @throws {RangeError} when a number in the options is no integer from 1 to 2³¹ − 1
 */
export function connect<Contract>(contract: Contract | Outline, options: ConnectOptions): Client<Contract> {
  const tree = contract as object
  const line = new Line(settingsOf(options), tree)
  const connection: Connection = {
    get state() {
      return line.state
    },
    get latency() {
      return line.latency
    },
    on: (name, listener) => line.events.on(name, listener),
    open: () => line.start(),
    refresh: () => line.refresh(),
    close: () => line.stop('closed by the application', 'UNAVAILABLE', true),
  }
  return { api: apiOf(line, tree) as Api<Contract>, connection }
}
