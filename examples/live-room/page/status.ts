import type { ConnectionState } from '@tautline/client'
import { byId, onFrame } from './dom.ts'
import { connection, ledger, sent } from './live.ts'

const WORTH_A_BUTTON = 3

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

function show({ status: now, reason }: ConnectionState): void {
  status.dataset.status = now
  status.title = reason ?? ''
  if (now !== 'online') latency.textContent = ''
  showWords()
}

function showWords(): void {
  const words = wordsFor(connection.state)
  if (state.textContent !== words) state.textContent = words
  reopen.hidden = connection.state.status !== 'closed' && secondsLeft(connection.state) < WORTH_A_BUTTON
}

function wordsFor(now: ConnectionState): string {
  const { status, reason } = now
  if (status === 'idle') return 'Not connected'
  if (status === 'online') return 'Online'
  if (status === 'closed') return 'Closed'
  if (reason === 'offline') return 'No network'
  if (status === 'connecting') return 'Connecting'
  const seconds = secondsLeft(now)
  return seconds > 1 ? `Line lost, next try in ${seconds} s` : 'Line lost, back in a moment'
}

function secondsLeft({ retryAt = 0 }: ConnectionState): number {
  return Math.ceil((retryAt - Date.now()) / 1_000)
}

connection.on('state', show)
connection.on('latency', ms => {
  latency.textContent = ms < 1 ? '< 1 ms' : `${Math.round(ms)} ms`
})
// Gaps, refusals and listeners that throw: whatever nobody else here takes care of.
connection.on('error', error => console.error(error))
reopen.addEventListener('click', () => connection.open())

onFrame(() => {
  showWords()
  const { received, lost, twice } = ledger
  for (const [name, value] of Object.entries({ sent: sent.count, received, lost, twice })) {
    const text = value.toLocaleString()
    const shown = counts[name as keyof typeof counts]
    if (shown.textContent !== text) shown.textContent = text
  }
  status.classList.toggle('holes', lost + twice > 0)
})
show(connection.state)
