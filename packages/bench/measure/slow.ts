import { Running } from '../running.ts'
import type { Subject } from '../subjects.ts'
import { deliver, subscribe } from './fan-out.ts'

/** What it costs that some readers are slow. */
export interface Slow {
  /** CPU per delivery to those who read, when a tenth does not, by what it is when all do. */
  readonly cpu: number
  /** How much larger the server got meanwhile, in bytes for each slow reader. */
  readonly memory: number
}

const READERS = 200
const SLOW = READERS / 10
/** Larger than what the kernel takes for a reader who does not read. */
const SIZE = 16_384

/** Publishes to readers of whom a tenth does not read. */
export async function slowReaders(subject: Subject, rounds: number): Promise<Slow> {
  const server = await Running.start(subject)
  try {
    return await Promise.race([measure(server, rounds), server.failure])
  } finally {
    await server.end()
  }
}

async function measure(server: Running, rounds: number): Promise<Slow> {
  const clients = await server.connectAll(READERS)
  await subscribe(clients)
  const load = { times: 4, rounds, to: { size: SIZE } }
  await deliver(server, clients, { ...load, rounds: 10 })
  const healthy = await deliver(server, clients.slice(SLOW), load)
  const before = await server.memory()
  for (const client of clients.slice(0, SLOW)) client.pause()
  const cpu = await deliver(server, clients.slice(SLOW), load)
  const after = await server.memory()
  return { cpu: cpu / healthy, memory: (after - before) / SLOW }
}
