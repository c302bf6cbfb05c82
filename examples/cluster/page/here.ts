import { safe } from '@tautline/client'
import { byId } from '../../live-room/page/dom.ts'
import { api, connection } from './live.ts'

/** The server that this page is at, as far as it knows. */
export interface Here {
  readonly server: string
  readonly pid: number
}

const listeners = new Set<(here: Here | undefined) => void>()

/** Calls `listener` whenever this page is at a server, or at none. */
export function onHere(listener: (here: Here | undefined) => void): void {
  listeners.add(listener)
}

function tell(here: Here | undefined): void {
  byId('state', HTMLElement).textContent = here ? `Online, at server ${here.server}` : 'Looking for a server'
  byId('where', HTMLElement).textContent = here
    ? `is at server ${here.server}, process ${here.pid}`
    : 'is looking for a server'
  for (const listener of listeners) listener(here)
}

connection.on('state', async ({ status, reason }) => {
  byId('status', HTMLElement).dataset['status'] = status
  byId('status', HTMLElement).title = reason ?? ''
  if (status !== 'online') return tell(undefined)
  const answer = await safe(api.here())
  if (answer.ok && connection.state.status === 'online') tell(answer.value)
})
