/** Two dozen clients in one process, who come by the balancer and count what reaches them: `URL=ws://… tsx guests.ts`. */
import { connect } from '@tautline/client'
import { Ledger } from '../live-room/page/ledger.ts'
import { cluster } from './contract.ts'
import { HALL } from './hall.ts'

const SAYS_MS = 1_000
const NAMES = 'Ada Bo Cy Dee Eli Fay Gus Hal Ida Joe Kim Lea Max Nia Ola Pat Quin Ray Sol Tom Uma Vic Wes Zoe'.split(
  ' ',
)

const clients = NAMES.map(name => {
  const { api, connection } = connect(cluster, { url: process.env['URL'] ?? '', token: () => name })
  const ledger = new Ledger()
  api.beats(HALL).subscribe(({ source, seq }) => void ledger.enter('beats', source, seq))
  api.notes(HALL).subscribe(() => undefined)
  return { api, connection, ledger }
})

const saying = setInterval(() => {
  const sum = (count: 'received' | 'lost' | 'twice') => clients.reduce((all, { ledger }) => all + ledger[count], 0)
  const tally = { clients: clients.length, received: sum('received'), lost: sum('lost'), twice: sum('twice') }
  // What cannot go now is out of date when it could.
  clients[0]?.api
    .tallies(HALL)
    .publish(tally, { volatile: true })
    .catch(() => undefined)
}, SAYS_MS)

function leave(): void {
  clearInterval(saying)
  for (const { connection } of clients) connection.close()
  if (process.connected) process.disconnect()
}
process.on('SIGINT', () => undefined)
process.on('SIGTERM', leave)
process.on('disconnect', leave)
