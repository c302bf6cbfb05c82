import type { Client } from '@tautline/client'
import type { Stats } from '@tautline/server'
import type { Network } from './net.ts'

/**
 * Throws unless nothing is left of a server and its clients: to be called at the end of a test, when both are closed.
 *
 * @param network - when given, no timer may be left on its clock, and nobody may hold a connection.
 * @throws an `Error` that names everything that is left.
 */
export function expectClean(
  server: { stats(): Stats },
  clients: Pick<Client<unknown>, 'connection'> | readonly Pick<Client<unknown>, 'connection'>[],
  network?: Network,
): void {
  const { sessions, inFlight, subscriptions, queues } = server.stats()
  const left = {
    'sessions with a socket': sessions.attached,
    'sessions whose client may come back': sessions.detached,
    'sockets without a session': sessions.unauthenticated,
    'calls in flight': inFlight,
    subscriptions,
    'bytes unsent or unacknowledged': queues.unsentBytes + queues.keptBytes,
    'clients that are not closed': [clients].flat().filter(({ connection }) => !isClosed(connection)).length,
    timers: network?.clock.pending ?? 0,
    connections: network?.connections ?? 0,
  }
  const found = Object.entries(left).filter(([, count]) => count > 0)
  if (found.length > 0) throw new Error(`left over: ${found.map(([what, count]) => `${count} ${what}`).join(', ')}`)
}

function isClosed({ state }: Client<unknown>['connection']): boolean {
  return state.status === 'closed' || state.status === 'idle'
}
