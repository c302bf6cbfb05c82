import { connect } from '@tautline/client'
import type { SocketEvents } from '@tautline/core/wire'
import { VirtualClock } from '@tautline/testing'
import { describe, expect, it, vi } from 'vitest'
import { webSocket } from '../src/websocket.ts'
import { entries, watch } from './support/client.ts'

/** A WebSocket that a test drives. */
class FakeWebSocket {
  static last: FakeWebSocket
  readonly url: string
  readonly asked: string
  protocol = 'tautline.1'
  readyState = 0
  bufferedAmount = 0
  binaryType = 'blob'
  sent: unknown[] = []
  closed: unknown[] | undefined
  onopen: (() => void) | undefined
  onmessage: ((event: { data: unknown }) => void) | undefined
  onclose: ((event: { code: number; reason: string }) => void) | undefined
  onerror: (() => void) | undefined

  constructor(url: string, protocol: string) {
    this.url = url
    this.asked = protocol
    FakeWebSocket.last = this
  }
  open(): void {
    this.readyState = 1
    this.onopen?.()
  }
  send(data: Uint8Array): void {
    this.sent.push(data)
    this.bufferedAmount += data.length
  }
  close(...args: unknown[]): void {
    this.closed ??= args
    this.readyState = 2
  }
}

function dialled() {
  const clock = new VirtualClock()
  const socket = webSocket('ws://server/', { clock, messageBytes: 1_000, WebSocket: FakeWebSocket as never })
  const told: unknown[][] = []
  const events: SocketEvents = {
    open: () => told.push(['open']),
    message: bytes => told.push(['message', ...bytes]),
    drain: () => told.push(['drain', socket.bufferedAmount]),
    close: (code, reason) => told.push(['close', code, reason]),
  }
  socket.listen(events)
  return { clock, socket, told, fake: FakeWebSocket.last }
}

describe('a WebSocket', () => {
  it('asks for tautline.1 and binary messages as buffers', () => {
    const { fake } = dialled()
    expect([fake.asked, fake.binaryType]).toEqual(['tautline.1', 'arraybuffer'])
  })

  it('tells that it is open, what comes in, and that it is closed', () => {
    const { fake, told } = dialled()
    fake.open()
    fake.onmessage?.({ data: new Uint8Array([1, 2]).buffer })
    fake.onclose?.({ code: 4001, reason: 'r' })
    fake.onclose?.({ code: 1006, reason: '' })
    expect(told).toEqual([['open'], ['message', 1, 2], ['close', 4001, 'r']])
  })

  it('refuses a server that does not speak the protocol', () => {
    const { fake, told } = dialled()
    fake.protocol = ''
    fake.open()
    expect(fake.closed).toEqual([4500, 'not a Tautline server'])
    expect(told).toEqual([['close', 4500, 'not a Tautline server']])
  })

  it('refuses text', () => {
    const { fake, told } = dialled()
    fake.open()
    fake.onmessage?.({ data: 'hi' })
    expect(told).toEqual([['open'], ['close', 4500, 'a text message']])
  })

  it('sends nothing before it is open or after it is closed', () => {
    const { fake, socket, clock } = dialled()
    socket.send(new Uint8Array(1))
    fake.open()
    socket.close(1000, '')
    socket.send(new Uint8Array(1))
    expect(fake.sent).toEqual([])
    expect(clock.pending).toBe(0)
  })

  it('tells when bytes have left, by looking, for as long as there are any', async () => {
    const { fake, socket, told, clock } = dialled()
    fake.open()
    socket.send(new Uint8Array(100))
    await clock.advance(25)
    expect(told.at(-1)).toEqual(['drain', 100])
    fake.bufferedAmount = 0
    await clock.advance(25)
    expect(told.at(-1)).toEqual(['drain', 0])
    expect(clock.pending).toBe(0)
  })

  it('looks no more once it is closed', () => {
    const { fake, socket, clock } = dialled()
    fake.open()
    socket.send(new Uint8Array(100))
    fake.onclose?.({ code: 1006, reason: '' })
    expect(clock.pending).toBe(0)
  })

  it('closes with the codes that a page may use', () => {
    for (const [code, sent] of [
      [1000, 1000],
      [1009, 1000],
      [4500, 4500],
    ] as const) {
      const { fake, socket } = dialled()
      socket.close(code, 'r')
      expect(fake.closed).toEqual([sent, 'r'])
    }
  })

  it('is given up at once, without ending the session, and says nothing more', () => {
    const { fake, socket, told, clock } = dialled()
    fake.open()
    socket.send(new Uint8Array(100))
    socket.abandon()
    expect(fake.closed).toEqual([4003])
    expect(told.at(-1)).toEqual(['close', 1006, ''])
    fake.onmessage?.({ data: new ArrayBuffer(1) })
    fake.onclose?.({ code: 1006, reason: '' })
    fake.onerror?.()
    expect(told).toHaveLength(2)
    expect(clock.pending).toBe(0)
  })

  it('that cannot even be made closes the connection for good', async () => {
    const clock = new VirtualClock()
    const { api, connection } = connect(entries, {
      url: 'ws://server',
      clock,
      WebSocket: vi.fn(function fail() {
        throw new DOMException('insecure', 'SecurityError')
      }) as never,
    })
    const call = watch(api.say('a'))
    await clock.settle()
    expect(connection.state).toEqual({ status: 'closed', reason: 'insecure' })
    expect(call.error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: false })
    expect(clock.pending).toBe(0)
  })
})
