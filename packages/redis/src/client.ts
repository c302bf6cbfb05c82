import type { Cluster, Redis, RedisOptions } from 'ioredis'

/** A client of `ioredis`: of one server (also by Sentinel), or of a cluster. */
export type RedisClient = Redis | Cluster

type ClusterNodeOptions = NonNullable<NonNullable<Parameters<Cluster['duplicate']>[1]>['redisOptions']>

/** A silent engine is given up after so many ms, and dialled again at most so many ms after it was lost. */
const SILENCE_MS = 3_000
const RETRY_MS = 500

/**
 * What the broker's own connections do whatever the client was made for. Nothing waits in a queue without end, and nothing
 * is sent a second time: `ioredis` would do both, and a publish whose reply was lost would be in the log twice.
 */
const OWN = {
  lazyConnect: false,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  enableAutoPipelining: false,
  enableReadyCheck: true,
  maxRetriesPerRequest: 0,
  connectTimeout: SILENCE_MS,
  socketTimeout: SILENCE_MS,
  commandTimeout: undefined,
  monitor: false,
  readOnly: false,
  stringNumbers: false,
  replyMapping: 'legacy',
  retryStrategy: retryAfter,
  // A server that was made a replica while we were connected.
  reconnectOnError: error => error.message.startsWith('READONLY'),
} satisfies RedisOptions

/**
 * Sees that this is a client that a broker can be made of.
 *
 * @throws TypeError that says what is wrong, and what to do.
 */
export function checkClient(client: RedisClient): void {
  if (typeof client?.duplicate !== 'function' || typeof client.options !== 'object') {
    throw new TypeError('redis: needs a client of ioredis, such as redis(new Redis(url))')
  }
  if (prefixesOf(client).some(prefix => prefix !== undefined && prefix !== '')) {
    throw new TypeError(
      'redis: a client with keyPrefix would put keys and pub/sub channels into different places; use redis(client, { prefix })',
    )
  }
}

export function isCluster(client: RedisClient): client is Cluster {
  return client.isCluster
}

/** The database of a client. */
export function dbOf(client: RedisClient): number {
  return isCluster(client) ? 0 : (client.options.db ?? 0)
}

/** A connection for commands. */
export function dialCommands(client: RedisClient): RedisClient {
  if (!isCluster(client)) return client.duplicate(OWN)
  const { retryStrategy: _, enableOfflineQueue: __, readOnly: ___, ...redisOptions } = OWN
  return client.duplicate([], {
    lazyConnect: false,
    enableOfflineQueue: false,
    enableReadyCheck: true,
    scaleReads: 'master',
    // Not 0 would send again what was under way when a node went.
    retryDelayOnFailover: 0,
    clusterRetryStrategy: retryAfter,
    // Nodes are dialled when they are needed: of one that is being dialled `ioredis` would say that the cluster is not ready.
    redisOptions: { ...client.options.redisOptions, ...redisOptions, lazyConnect: true } as ClusterNodeOptions,
  })
}

/** A connection for what is told plainly. In a cluster any node will do: they tell each other. */
export function dialFeeds(client: RedisClient, commands: RedisClient): Redis | undefined {
  if (!isCluster(client)) return client.duplicate(OWN)
  const nodes = isCluster(commands) ? commands.nodes('master') : []
  const node = nodes[Math.floor(Math.random() * nodes.length)]
  return node?.duplicate({ ...OWN, retryStrategy: () => null })
}

/** A connection for what a master of a cluster tells of its own slots. */
export function dialShard(node: Redis): Redis {
  // Only so are replies and what nobody asked for told apart.
  return node.duplicate({ ...OWN, protocol: 3, retryStrategy: () => null })
}

/** The client of a node whose address is this. */
export function nodeOf(cluster: Cluster, key: string): Redis | undefined {
  return cluster.nodes().find(({ options }) => `${options.host}:${options.port}` === key)
}

function retryAfter(times: number): number {
  return Math.min(RETRY_MS, 25 * 2 ** Math.min(times, 8))
}

function prefixesOf(client: RedisClient): (string | undefined)[] {
  if (!isCluster(client)) return [client.options.keyPrefix]
  const { keyPrefix, redisOptions } = client.options
  return [keyPrefix, redisOptions?.keyPrefix]
}
