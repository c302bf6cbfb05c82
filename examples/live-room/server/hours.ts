import type { RoomName } from '../contract.ts'

/** The desk is open for the last third of every half minute. */
const CYCLE_MS = 30_000
const CLOSED_MS = 20_000

/** When a room opens; `undefined` while it is open. */
export function closedUntil(room: RoomName, now: number): Date | undefined {
  if (room === 'hall') return undefined
  const since = now % CYCLE_MS
  return since < CLOSED_MS ? new Date(now - since + CLOSED_MS) : undefined
}
