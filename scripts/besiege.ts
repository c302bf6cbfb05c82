/** What `npm run torture -- --hostile` and `--leaks` run: the sieges and the leak test of the suite, at full size. */
import { Fort, type FortReport, type Testimony } from '../test/support/fort.ts'
import { leaksOf } from '../test/support/leaks.ts'
import { type Siege, sieges } from '../test/support/sieges.ts'

const MIB = 1_048_576
/** What a server may have grown by, once all have gone: caches, and compressors that wait to be collected. */
const MOST_GROWN = 48 * MIB

/** Attacks a server of 256 MiB in every way, and says how an honest client fares. Returns what is wrong. */
export async function besiege(): Promise<string[]> {
  const wrong: string[] = []
  for (const compression of [false, true]) {
    const fort = await Fort.start({ compression, limits: { resumeMs: 1_000 } })
    for (const siege of sieges) {
      if ((siege.compression ?? false) === compression) wrong.push(...(await under(siege, fort)))
    }
    await fort.end()
  }
  return wrong
}

async function under({ name, run }: Siege, fort: Fort): Promise<string[]> {
  await fort.testimony()
  await new Promise(resolve => setTimeout(resolve, 3_000))
  const usual = await fort.testimony()
  const before = await fort.report()
  const raiders = await run(fort.port, 'large')
  await new Promise(resolve => setTimeout(resolve, 1_000))
  const unusual = await fort.testimony()
  for (const raider of raiders) raider.leave()
  const after = await fort.calm(300_000)
  const grown = held(after) - held(before)
  const failed = unusual.troubles.filter(trouble => !trouble.startsWith('the witness'))
  console.log(
    `${name}: ${raiders.length} raiders; a call took ${inMs(usual)} before and ${inMs(unusual)} under it, ` +
      `${failed.length} of ${unusual.calls + failed.length} took too long; ` +
      `the server grew by ${(grown / MIB).toFixed(1)} MiB, to ${(after.memory.rss / MIB).toFixed(0)} MiB of memory`,
  )
  const wrong = [...after.faults, ...unusual.troubles.filter(trouble => !failed.includes(trouble))]
  if (grown > MOST_GROWN) wrong.push(`the server has grown by ${grown} bytes`)
  return wrong.map(what => `${name}: ${what}`)
}

function held({ memory }: FortReport): number {
  return memory.heapUsed + memory.arrayBuffers
}

function inMs({ median, p99 }: Testimony): string {
  return `${median.toFixed(1)} ms (p99 ${p99.toFixed(1)})`
}

/** Ten times ten thousand clients, and a million calls. Returns what is wrong. */
export async function leak(): Promise<string[]> {
  const { faults, grownByClients, grownByCalls, heaps, resources } = await leaksOf({
    rounds: 10,
    clients: 10_000,
    calls: 1_000_000,
  })
  console.log(`heap after each round, MiB: ${heaps.map(bytes => (bytes / MIB).toFixed(1)).join(' ')}`)
  const wrong = [...faults]
  if (grownByClients > 2 * MIB) wrong.push(`clients left ${grownByClients} bytes`)
  if (grownByCalls > MIB) wrong.push(`calls left ${grownByCalls} bytes`)
  if (resources[0] !== resources[1]) wrong.push(`there was ${resources[0]}, and now there is ${resources[1]}`)
  return wrong
}
