import { lineKey } from './me.ts'

/** What the bare lane carries. */
export interface Numbered {
  readonly channel: string
  readonly author: string
  readonly seq: number
  readonly level?: number
}

const AGAIN_MS = 250

/** The other lane, as it is often written: a WebSocket that dials again when it closes. */
export function openBareLane(hear: (numbered: Numbered) => void): void {
  const { protocol, host } = location
  const socket = new WebSocket(`${protocol === 'https:' ? 'wss' : 'ws'}://${host}/bare?line=${lineKey}`)
  socket.onmessage = ({ data }) => hear(JSON.parse(data))
  socket.onclose = () => setTimeout(openBareLane, AGAIN_MS, hear)
}
