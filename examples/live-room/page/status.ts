import type { ConnectionState } from '@tautline/client'
import { byId, onFrame } from './dom.ts'
import { connection, ledger, sent } from './live.ts'

const status = byId('status', HTMLDivElement)
const state = byId('state', HTMLSpanElement)
const latency = byId('latency', HTMLSpanElement)
const reopen = byId('reopen', HTMLButtonElement)
const counts = {
  sent: byId('sent', HTMLElement),
  received: byId('received', HTMLElement),
  lost: byId('lost', HTMLElement),
  twice: byId('twice', HTMLElement),
}

const WORDS: Readonly<Record<ConnectionState['status'], string>> = {
  idle: 'Not connected',
  connecting: 'Connecting',
  online: 'Online',
  waiting: 'Line lost, back in a moment',
  closed: 'Closed',
}

function show({ status: now, reason }: ConnectionState): void {
  status.dataset.status = now
  state.textContent = reason === 'offline' ? 'No network' : WORDS[now]
  status.title = reason ?? ''
  reopen.hidden = now !== 'closed'
  if (now !== 'online') latency.textContent = ''
}

connection.on('state', show)
connection.on('latency', ms => {
  latency.textContent = ms < 1 ? '< 1 ms' : `${Math.round(ms)} ms`
})
reopen.addEventListener('click', () => connection.open())

onFrame(() => {
  const { received, lost, twice } = ledger
  for (const [name, value] of Object.entries({ sent: sent.count, received, lost, twice })) {
    const text = value.toLocaleString()
    const shown = counts[name as keyof typeof counts]
    if (shown.textContent !== text) shown.textContent = text
  }
  status.classList.toggle('holes', lost + twice > 0)
})
show(connection.state)
