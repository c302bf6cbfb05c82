/** What `npm run torture -- --cluster` runs: the cluster of the suite, for as long as one likes. */
import { randomFrom } from '@tautline/testing'
import { Cluster, HARMS, type Harm } from '../test/support/cluster.ts'
import { engineAsked } from '../test/support/engines.ts'
import { tellVerdict } from './soak/verdict.ts'

const MINUTE_MS = 60_000

export interface Torment {
  readonly minutes: number
  readonly clients: number
  readonly seed: number
  /** The engine that the servers share. */
  readonly broker: string | undefined
}

/** Kills, restarts and cuts off servers of one engine, in front of many clients. Says whether nothing was wrong. */
export async function torment({ minutes, clients, seed, broker }: Torment): Promise<boolean> {
  const cluster = await Cluster.open({
    engine: engineAsked(broker),
    servers: 3,
    clients,
    rooms: Math.ceil(clients / 100),
    seed,
  })
  const began = performance.now()
  const random = randomFrom(seed)

  function* harms(): Generator<Harm> {
    while (performance.now() - began < minutes * MINUTE_MS) {
      yield HARMS[Math.floor(random() * HARMS.length)] ?? 'kill'
      console.log(progress())
    }
  }
  function progress(): string {
    const { deliveries, calls } = cluster.world.history
    const happened = [...cluster.harms].map(([harm, times]) => `${harm} ${times}`)
    const passed = (performance.now() - began) / MINUTE_MS
    return `${passed.toFixed(1)} min: ${deliveries} deliveries, ${calls} calls; ${happened.join(', ')}`
  }

  await cluster.endure(harms())
  return tellVerdict(await cluster.finish())
}
