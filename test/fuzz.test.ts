import { expect, test } from 'vitest'
import { fuzz } from './fuzz/target.ts'
import { targets } from './fuzz/targets.ts'

/** Twenty seconds for all of them; `npm run fuzz` takes as long as one likes. */
const MS = 20_000 / targets.length

test.each(targets)('whatever random input it is given, nothing breaks: $name', { timeout: MS * 10 }, async target => {
  const seed = Date.now() % 1_000_000
  expect(await fuzz(target, { seed, ms: MS })).toBeGreaterThan(10)
})
