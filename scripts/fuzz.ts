/**
 * Fuzzes everything that takes input from strangers, for as long as one likes:
 * `npm run fuzz -- --minutes 10 [--seed S] [--only 'frames to a server']`. With `--seed` alone, that one input is played.
 */
import { parseArgs } from 'node:util'
import { fuzz } from '../test/fuzz/target.ts'
import { targets } from '../test/fuzz/targets.ts'

const { values } = parseArgs({
  options: { minutes: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' } },
})
const chosen = targets.filter(({ name }) => values.only === undefined || name === values.only)
if (chosen.length === 0) throw new Error(`there are: ${targets.map(({ name }) => name).join(', ')}`)

const minutes = Number(values.minutes ?? (values.seed === undefined ? 1 : 0))
/** A turn for each, again and again. */
const TURN_MS = Math.min(15_000, (minutes * 60_000) / chosen.length)
const end = performance.now() + minutes * 60_000
const played = new Map<string, number>()

let seed = Number(values.seed ?? Date.now() % 2 ** 31)
do {
  for (const target of chosen) {
    const inputs = await fuzz(target, { seed, ms: TURN_MS })
    played.set(target.name, (played.get(target.name) ?? 0) + inputs)
  }
  seed += 1_000_000
} while (performance.now() < end)

for (const [name, inputs] of played) console.log(`${name}: ${inputs} inputs, nothing wrong`)
