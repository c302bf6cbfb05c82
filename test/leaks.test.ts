import { expect, test } from 'vitest'
import { leaksOf } from './support/leaks.ts'

const MIB = 1_048_576

test('of clients that came and went, and of calls with signals and deadlines, nothing is left', {
  timeout: 150_000,
}, async () => {
  const { faults, grownByClients, grownByCalls, resources } = await leaksOf({ rounds: 3, clients: 500, calls: 50_000 })
  expect(faults).toEqual([])
  expect(grownByClients).toBeLessThan(2 * MIB)
  expect(grownByCalls).toBeLessThan(MIB)
  expect(resources[1]).toBe(resources[0])
})
