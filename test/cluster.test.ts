import { expect, test } from 'vitest'
import { Cluster } from './support/cluster.ts'
import { engineAsked } from './support/engines.ts'
import { NOTHING_WRONG } from './support/real-world.ts'
import { requireTool } from './support/requires.ts'

const engine = engineAsked()

requireTool(engine).describe(`three servers that share ${engine}, and 2,000 clients,`, () => {
  test('lose, repeat and reorder nothing while servers are killed and replaced, and balancers break', {
    timeout: 600_000,
  }, async () => {
    const cluster = await Cluster.open({ engine, servers: 3, clients: 2_000, rooms: 20, seed: 1 })
    await cluster.endure(['kill', 'restart all', 'break a balancer'])
    expect(await cluster.finish()).toEqual(NOTHING_WRONG)
    expect(sum(cluster.clients.map(({ failures }) => failures)), 'calls that died with a server').toBeGreaterThan(0)
    expect(
      sum(cluster.clients.map(({ absences }) => absences.length)),
      'times that anybody had to come back',
    ).toBeGreaterThan(2_000)
  })
})

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0)
}
