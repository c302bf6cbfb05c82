/**
 * Load on real servers in processes of their own, over lines that break, for as long as one likes:
 * `npm run soak -- --minutes N [--clients N] [--seed S]`. Half of the clients are at a server that stays, so that its
 * memory can be watched, the others at one that is killed and replaced. Every few seconds something goes wrong.
 */
import { setTimeout as pass } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { RealWorld } from '../test/support/real-world.ts'
import { Camp } from './soak/camp.ts'
import { harm } from './soak/faults.ts'
import { Heap, heapOfThisProcess } from './soak/heaps.ts'
import { tellVerdict } from './soak/verdict.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    clients: { type: 'string', default: '8' },
    seed: { type: 'string', default: '1' },
  },
})

/** How often heaps are measured, and how often it is told how things go, in ms. */
const SAMPLE_MS = 5_000
const REPORT_MS = 60_000
const MINUTE_MS = 60_000
/** How long goodbyes may take at the end. */
const GOODBYE_MS = 10_000

const resources = process.getActiveResourcesInfo().length
const world = new RealWorld(Number(values.seed))
const clients = Math.ceil(Number(values.clients) / 2)
const steady = await Camp.open(world, 'steady', clients)
const restless = await Camp.open(world, 'restless', clients)

const began = performance.now()
const isOver = () => performance.now() - began >= Number(values.minutes) * MINUTE_MS
const faults = new Map<string, number>()
const heaps = { server: new Heap(), clients: new Heap() }

async function watch(): Promise<void> {
  for (let n = 1; !isOver(); n++) {
    await pass(SAMPLE_MS)
    const { heapBytes } = await steady.server.stats()
    const ms = performance.now() - began
    heaps.server.add(ms, heapBytes)
    heaps.clients.add(ms, heapOfThisProcess())
    if ((n * SAMPLE_MS) % REPORT_MS === 0) console.log(progress())
  }
}

function progress(): string {
  const { deliveries, calls } = world.history
  const happened = [...faults.values()].reduce((sum, count) => sum + count, 0)
  const minutes = (performance.now() - began) / MINUTE_MS
  return `${minutes.toFixed(1)} min: ${deliveries} deliveries, ${calls} calls, ${happened} faults`
}

await Promise.all([
  steady.play(isOver),
  restless.play(isOver),
  watch(),
  harm({ random: world.random, steady, restless }, isOver, fault => faults.set(fault, (faults.get(fault) ?? 0) + 1)),
])
const wrong = await world.finish()
await Promise.all([steady.close(), restless.close()])
// A socket is gone once both sides have said goodbye; who does not is given up after three seconds.
const others = () => process.getActiveResourcesInfo().slice(resources)
for (let waited = 0; others().length > 0 && waited < GOODBYE_MS; waited += 100) await pass(100)

console.log(progress())
console.log([...faults].map(([fault, count]) => `${fault} ${count}`).join(', '))
console.log(`heap slope: server ${heaps.server}, clients ${heaps.clients}`)
process.exitCode = tellVerdict({ ...wrong, leftOver: [...wrong.leftOver, ...others()] }) ? 0 : 1
