/** The process that {@link ClientProcess} starts: one player, until it is told to leave. */
import type { ClientProcessOptions, ToClient, ToWatcher } from './client-process.ts'
import { ledgerWriter } from './ledger.ts'
import { Player } from './player.ts'

const { name, url, ledger }: ClientProcessOptions = JSON.parse(process.argv[2] ?? '{}')
const tell = (message: ToWatcher) => void process.send?.(message)
const problem = (what: string) => tell({ problem: what })
let tokens = 0

process.on('disconnect', () => process.exit())

const stage = {
  record: ledgerWriter(ledger),
  problem,
  go: (work: () => Promise<unknown>) => void work().catch(error => problem(String(error?.stack ?? error))),
}
const player = new Player(name, stage, {
  url,
  random: () => 0.01,
  token: () => {
    tokens += 1
    return name
  },
})

process.on('message', (message: ToClient) => {
  if ('call' in message) player.call('once', message.call)
  if ('stall' in message) {
    const end = performance.now() + message.stall
    while (performance.now() < end);
  }
  if ('report' in message) tell({ tokens, absences: player.absences.length, online: player.online })
  if ('leave' in message) {
    player.connection.close()
    // Nothing is left to do: the process ends by itself, or something was left over.
    process.removeAllListeners('disconnect')
    process.disconnect()
  }
})

await player.subscribe('log', 'a')
tell({ ready: true })
