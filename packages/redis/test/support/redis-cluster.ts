import { setTimeout as pass } from 'node:timers/promises'
import { Cluster, type ClusterOptions } from 'ioredis'
import { slotOf } from '../../src/slots.ts'
import { RedisServer } from './redis-server.ts'

const SLOTS = 16_384

/** A cluster of masters on free ports. */
export class RedisCluster {
  readonly nodes: RedisServer[]
  readonly #config: readonly string[]

  private constructor(nodes: RedisServer[], config: readonly string[]) {
    this.nodes = nodes
    this.#config = config
  }

  static async start(size = 3, config: readonly string[] = []): Promise<RedisCluster> {
    const own = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '5000', ...config]
    const nodes = await Promise.all(Array.from({ length: size }, () => RedisServer.start(own)))
    const share = Math.ceil(SLOTS / size)
    for (const [i, { admin }] of nodes.entries()) {
      await admin.call('CLUSTER', 'ADDSLOTSRANGE', i * share, Math.min(SLOTS, (i + 1) * share) - 1)
      if (nodes[0]) await admin.call('CLUSTER', 'MEET', '127.0.0.1', nodes[0].port)
    }
    const cluster = new RedisCluster(nodes, own)
    await cluster.whole()
    return cluster
  }

  /** Another node, which becomes the replica of a master and has what it has. */
  async addReplica(master: RedisServer): Promise<RedisServer> {
    const replica = await RedisServer.start(this.#config)
    this.nodes.push(replica)
    await replica.admin.call('CLUSTER', 'MEET', '127.0.0.1', master.port)
    await this.whole()
    await master.admin.config('SET', 'repl-diskless-sync-delay', 0)
    await replica.admin.call('CLUSTER', 'REPLICATE', String(await master.admin.call('CLUSTER', 'MYID')))
    await replica.follows(master)
    const id = await replica.admin.call('CLUSTER', 'MYID')
    const isReplica = new RegExp(`^${id} .*\\bslave\\b`, 'm')
    for (const { admin } of this.nodes)
      while (!isReplica.test(String(await admin.call('CLUSTER', 'NODES')))) await pass(20)
    return replica
  }

  /**
   * Waits until a master takes a write again to a slot of its own, asked by hand; from then on the engine is there, also for
   * the broker.
   */
  async takes(node: RedisServer): Promise<void> {
    while (!(await slotsOf(node)).some(Boolean)) await pass(5)
    const slots = await slotsOf(node)
    let key = 0
    while (!slots[slotOf(`by hand ${key}`)]) key += 1
    await node.takes(`by hand ${key}`)
  }

  /** Waits until all nodes know that all slots are served. */
  async whole(): Promise<void> {
    for (const { admin } of this.nodes) {
      const isWhole = async () => {
        const info = String(await admin.call('CLUSTER', 'INFO'))
        return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${this.nodes.length}`)
      }
      while (!(await isWhole())) await pass(20)
    }
  }

  client(options: Pick<ClusterOptions, 'natMap'> = {}): Cluster {
    return new Cluster(
      this.nodes.map(({ port }) => ({ port, host: '127.0.0.1' })),
      { lazyConnect: true, ...options },
    )
  }

  /** The master of a slot, by what all nodes agree on. */
  async masterOf(slot: number): Promise<RedisServer> {
    for (const node of this.nodes) if ((await slotsOf(node))[slot]) return node
    throw new Error(`slot ${slot} is nobody's`)
  }

  /** The master that has keys like these. */
  async masterOfKeys(pattern: string): Promise<RedisServer> {
    for (const node of this.nodes) if ((await node.admin.keys(pattern)).length > 0) return node
    throw new Error(`nobody has ${pattern}`)
  }

  /** Moves a slot with all that is in it to another master, as `redis-cli --cluster reshard` does. */
  async move(slot: number, to: RedisServer): Promise<void> {
    const from = await this.masterOf(slot)
    const [source, target] = await Promise.all([from, to].map(({ admin }) => admin.call('CLUSTER', 'MYID')))
    await to.admin.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(source))
    await from.admin.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(target))
    for (;;) {
      const keys = (await from.admin.call('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[]
      if (keys.length === 0) break
      await from.admin.call('MIGRATE', '127.0.0.1', to.port, '', 0, 2_000, 'KEYS', ...keys)
    }
    for (const { admin } of [to, from]) await admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', String(target))
  }

  /** What all nodes have told others of publications, over the bus. */
  async told(): Promise<number> {
    const infos = await Promise.all(this.nodes.map(({ admin }) => admin.call('CLUSTER', 'INFO')))
    const counts = infos.map(info => /^cluster_stats_messages_publish_sent:(\d+)/m.exec(String(info))?.[1] ?? 0)
    return counts.reduce<number>((sum, count) => sum + Number(count), 0)
  }

  async flush(): Promise<void> {
    await Promise.all(this.nodes.map(({ admin }) => admin.flushall()))
  }

  async end(): Promise<void> {
    await Promise.all(this.nodes.map(node => node.end()))
  }
}

/** For each slot, whether it is a node's, by what that node says. */
async function slotsOf({ admin }: RedisServer): Promise<readonly boolean[]> {
  const lines = String(await admin.call('CLUSTER', 'NODES')).split('\n')
  const [, , , , , , , , ...ranges] = lines.find(line => line.includes('myself'))?.split(' ') ?? []
  const slots = Array<boolean>(SLOTS).fill(false)
  for (const range of ranges) {
    const [first = '', last = first] = range.split('-')
    slots.fill(true, Number(first), Number(last) + 1)
  }
  return slots
}
