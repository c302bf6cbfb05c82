import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node'

/** How to reach NATS: options of `connect()` of `@nats-io/transport-node`, or a connection that it made. */
export type NatsClient = NodeConnectionOptions | NatsConnection

/** A dial that is not answered is given up after so many ms. */
const DIAL_MS = 2_000
/** A lost connection is dialled again so many ms later, or up to twice as many. */
const RETRY_MS = 100

/**
 * What the broker's own connection does whatever the client was made for: it never gives up, it notices silence within
 * 4 s, and it hears itself.
 */
const OWN = {
  reconnect: true,
  maxReconnectAttempts: -1,
  reconnectDelayHandler: () => RETRY_MS * (1 + Math.random()),
  ignoreAuthErrorAbort: true,
  waitOnFirstConnect: false,
  timeout: DIAL_MS,
  pingInterval: 1_000,
  maxPingOut: 3,
  noEcho: false,
  noAsyncTraces: true,
  verbose: false,
  pedantic: false,
} satisfies NodeConnectionOptions & Record<string, unknown>

/**
 * How the broker connects.
 *
 * @throws TypeError for what says nothing about how to connect.
 */
export function connectionOptionsOf(client: NatsClient): NodeConnectionOptions {
  const given = isConnection(client) ? optionsOf(client) : client
  if (typeof given !== 'object' || given === null) {
    throw new TypeError(
      "nats: needs a connection of @nats-io/transport-node or options for one, such as nats({ servers: 'localhost' })",
    )
  }
  const options = { name: 'tautline', ...given, ...OWN }
  // A connection has both, and `connect()` takes one.
  if (options.servers?.length) delete options.port
  return options
}

/** Dials. */
export function dial(options: NodeConnectionOptions): Promise<NatsConnection> {
  return connect({ ...options })
}

function isConnection(client: NatsClient): client is NatsConnection {
  return typeof (client as Partial<NatsConnection> | null)?.publish === 'function'
}

/** A connection knows how it was made, and its type does not say so. */
function optionsOf(connection: NatsConnection): NodeConnectionOptions | undefined {
  return (connection as { options?: NodeConnectionOptions }).options
}
