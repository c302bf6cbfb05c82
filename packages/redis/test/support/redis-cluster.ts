import { Cluster } from 'ioredis'
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

  client(): Cluster {
    return new Cluster(
      this.nodes.map(({ port }) => ({ port, host: '127.0.0.1' })),
      { lazyConnect: true },
    )
  }

  async flush(): Promise<void> {
    await Promise.all(this.nodes.map(({ admin }) => admin.flushall()))
  }

  async end(): Promise<void> {
    await Promise.all(this.nodes.map(node => node.end()))
  }
}
