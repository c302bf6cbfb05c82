import { Cluster, type ClusterOptions } from 'ioredis'
import { RedisServer } from './redis-server.ts'

const SLOTS = 16_384

/** A cluster of masters on free ports. */
export class RedisCluster {
  readonly nodes: readonly RedisServer[]

  private constructor(nodes: readonly RedisServer[]) {
    this.nodes = nodes
  }

  static async start(size = 3, config: readonly string[] = []): Promise<RedisCluster> {
    const own = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '5000', ...config]
    const nodes = await Promise.all(Array.from({ length: size }, () => RedisServer.start(own)))
    const share = Math.ceil(SLOTS / size)
    for (const [i, { admin }] of nodes.entries()) {
      await admin.call('CLUSTER', 'ADDSLOTSRANGE', i * share, Math.min(SLOTS, (i + 1) * share) - 1)
      if (nodes[0]) await admin.call('CLUSTER', 'MEET', '127.0.0.1', nodes[0].port)
    }
    const cluster = new RedisCluster(nodes)
    await cluster.whole()
    return cluster
  }

  /** Waits until all nodes know that all slots are served. */
  async whole(): Promise<void> {
    for (const { admin } of this.nodes) {
      const isWhole = async () => {
        const info = String(await admin.call('CLUSTER', 'INFO'))
        return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${this.nodes.length}`)
      }
      while (!(await isWhole())) await new Promise(resolve => setTimeout(resolve, 20))
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
    for (const node of this.nodes) {
      const lines = String(await node.admin.call('CLUSTER', 'NODES')).split('\n')
      const [, , , , , , , , ...ranges] = lines.find(line => line.includes('myself'))?.split(' ') ?? []
      const isHere = ranges.some(range => {
        const [first = '', last = first] = range.split('-')
        return Number(first) <= slot && slot <= Number(last)
      })
      if (isHere) return node
    }
    throw new Error(`slot ${slot} is nobody's`)
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
