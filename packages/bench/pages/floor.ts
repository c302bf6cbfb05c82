/** The page that one writes by hand: a bare WebSocket, and MessagePack. */
import { decode, decodeMulti, encode } from '@msgpack/msgpack'
import type { Message } from '../work.ts'
import { read } from './reading.ts'

const asked = new URLSearchParams(location.search)
/** Whether the server sends one WebSocket message for all that it says in a tick. */
const isBatched = asked.has('batched')

const socket = new WebSocket(`ws://127.0.0.1:${asked.get('port')}`)
socket.binaryType = 'arraybuffer'

function take([id, message]: [id: number, message: Message]): void {
  if (id === 0) read(message)
}

socket.onopen = () => socket.send(encode([1, 'rooms.feed']))
socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
  if (!isBatched) return take(decode(data) as [number, Message])
  for (const frame of decodeMulti(data)) take(frame as [number, Message])
}
