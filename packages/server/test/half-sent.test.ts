import { EventEmitter } from 'node:events'
import { Duplex } from 'node:stream'
import { expect, it } from 'vitest'
import { type WebSocketOfWs, WsSocket } from '../src/ws.ts'

/** A WebSocket that does nothing by itself. */
class IdleWebSocket extends EventEmitter implements WebSocketOfWs {
  readonly bufferedAmount = 0
  readonly extensions = ''
  readonly readyState = 1
  isPaused = false
  terminated = false

  send(): void {}

  close(): void {}

  pause(): void {}

  resume(): void {}

  terminate(): void {
    this.terminated = true
  }
}

/** It, over a socket of which so much was read. */
function opened() {
  const ws = new IdleWebSocket()
  const raw = Object.assign(new Duplex({ read: () => undefined }), { bytesRead: 0 })
  const socket = new WsSocket(ws, raw)
  return { socket, raw, state: ws, bring: (data: Uint8Array) => ws.emit('message', data, true) }
}

it.each([
  [999, false],
  [1_000, true],
  [1_001, true],
])('a message of which nothing has ended for %i of 1,000 ms is given up: %s', (ms, gone) => {
  const { socket, raw, state } = opened()
  socket.judge(0, 1_000)
  raw.bytesRead = 5
  socket.judge(500, 1_000)
  raw.bytesRead = 50
  socket.judge(500 + ms, 1_000)
  expect(state.terminated).toBe(gone)
})

it('a message that ends, this process’s sleep, and a pause begin its time anew', () => {
  for (const renew of ['message', 'sleep', 'pause'] as const) {
    const { socket, raw, state, bring } = opened()
    raw.bytesRead = 5
    socket.judge(0, 1_000)
    if (renew === 'message') bring(Uint8Array.of(1))
    else if (renew === 'sleep') socket.grace()
    else state.isPaused = true
    raw.bytesRead = 7
    socket.judge(1_500, 1_000)
    state.isPaused = false
    socket.judge(1_600, 1_000)
    expect(state.terminated).toBe(false)
    socket.judge(2_700, 1_000)
    expect(state.terminated).toBe(true)
  }
})
