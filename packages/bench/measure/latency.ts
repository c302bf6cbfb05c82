import type { Client } from '../load/client.ts'
import { answered } from './connect.ts'

/** How long a lone call takes, in µs, and what it sends over TCP, in bytes. */
export interface Lone {
  readonly p50: number
  readonly p99: number
  readonly up: number
  readonly down: number
}

/** One call after another on a connection that does nothing else. */
export async function lone(client: Client, calls: number): Promise<Lone> {
  const before = client.bytes
  const times: number[] = []
  for (let i = 0; i < calls; i++) {
    const begun = performance.now()
    await answered(client, () => client.call())
    times.push((performance.now() - begun) * 1_000)
  }
  const { up, down } = client.bytes
  times.sort((a, b) => a - b)
  return {
    p50: at(times, 0.5),
    p99: at(times, 0.99),
    up: (up - before.up) / calls,
    down: (down - before.down) / calls,
  }
}

/** A quantile of sorted numbers. */
export function at(sorted: readonly number[], quantile: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? Number.NaN
}
