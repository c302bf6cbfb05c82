/** The process that `Fort` starts beside the server: an honest client that calls all the time, and keeps the times. */
import { connect } from '@tautline/client'
import { fort } from './fort-contract.ts'

const { api, connection } = connect(fort, { url: process.argv[2] ?? '', token: () => 'witness' })
let times: number[] = []
let troubles: string[] = []

connection.on('state', ({ status }) => {
  if (status !== 'online') troubles.push(`the witness is ${status}`)
})
await api.echo('hello')
troubles = []
const calling = setInterval(() => {
  const before = performance.now()
  api.echo('hi', { timeout: 10_000 }).then(
    () => times.push(performance.now() - before),
    (error: unknown) => troubles.push(String(error)),
  )
}, 10)

process.on('disconnect', () => process.exit())
process.on('message', question => {
  if (question === 'end') {
    clearInterval(calling)
    connection.close()
    return process.disconnect()
  }
  process.send?.({ times, troubles })
  times = []
  troubles = []
})
process.send?.({ ready: true })
