import type { Socket } from '@tautline/core/wire'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Line, type Network, net } from '../src/index.ts'

type End = { readonly socket: Socket; readonly heard: string[]; drains: number }

let network: Network
let line: Line
let client: End
let server: End

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const bytes = (of: string | number) => new TextEncoder().encode(typeof of === 'number' ? 'x'.repeat(of) : of)

function listen(socket: Socket): End {
  const end: End = { socket, heard: [], drains: 0 }
  socket.listen({
    open: () => end.heard.push('open'),
    message: message => end.heard.push(message.length > 50 ? `${message.length} bytes` : text(message)),
    drain: () => void end.drains++,
    close: (code, reason) => end.heard.push(`close ${code} ${reason}`),
  })
  return end
}

function start(options: Parameters<typeof net>[0] = {}): void {
  network = net(options)
  line = network.line({
    accept(socket) {
      server = listen(socket)
    },
  })
  client = listen(line.client.socket(line.client.url))
}

beforeEach(async () => {
  start()
  await network.advance(20)
})

afterEach(async () => {
  line.release()
  line.cut()
  await network.settle()
  expect(line.connections).toBe(0)
  expect(network.clock.pending).toBe(0)
})

describe('a line', () => {
  it('carries messages whole, in order, after its latency', async () => {
    client.socket.send(bytes('a'))
    client.socket.send(bytes('b'))
    await network.advance(9)
    expect(server.heard).toEqual([])
    await network.advance(1)
    expect(server.heard).toEqual(['a', 'b'])
  })

  it('keeps the order whatever the jitter, and is the same for the same seed', async () => {
    const arrivals: number[][] = []
    for (const seed of [3, 3, 4]) {
      start({ seed, jitterMs: 50 })
      await network.advance(200)
      for (let i = 0; i < 20; i++) client.socket.send(bytes(String(i)))
      const counts: number[] = []
      for (let ms = 0; ms < 60; ms++) {
        await network.advance(1)
        counts.push(server.heard.length)
      }
      expect(server.heard).toEqual(Array.from({ length: 20 }, (_, i) => String(i)))
      arrivals.push(counts)
      line.cut()
    }
    expect(arrivals[0]).toEqual(arrivals[1])
    expect(arrivals[0]).not.toEqual(arrivals[2])
  })

  it('tells both sides when it is cut, and loses what was under way', async () => {
    client.socket.send(bytes('lost'))
    line.cut()
    await network.advance(100)
    expect(server.heard).toEqual(['close 1006 '])
    expect(client.heard).toEqual(['open', 'close 1006 '])
  })

  it('breaks at a byte, in the middle of a message', async () => {
    line.cutAfter('up', 15)
    client.socket.send(bytes(10))
    client.socket.send(bytes(10))
    await network.advance(100)
    expect(server.heard).toEqual(['xxxxxxxxxx', 'close 1006 '])
  })

  it('falls silent without telling anybody, and carries on with what it held', async () => {
    line.hold('up')
    client.socket.send(bytes('late'))
    server.socket.send(bytes('in time'))
    await network.advance(60_000)
    expect(server.heard).toEqual([])
    expect(client.heard).toEqual(['open', 'in time'])
    line.release()
    await network.advance(10)
    expect(server.heard).toEqual(['late'])
  })

  it('keeps bytes at the sender while it is slow, and says when they leave', async () => {
    line.up.bytesPerSecond = 1_000
    for (let i = 0; i < 10; i++) client.socket.send(bytes(100))
    expect(client.socket.bufferedAmount).toBe(1_000)
    await network.advance(500)
    expect(client.socket.bufferedAmount).toBe(500)
    expect(client.drains).toBe(5)
  })

  it('keeps bytes at the sender when the receiver stops reading', async () => {
    server.socket.pause?.()
    for (let i = 0; i < 100; i++) client.socket.send(bytes(1_000))
    await network.advance(1_000)
    expect(server.heard).toEqual([])
    expect(client.socket.bufferedAmount).toBe(34_000)
    server.socket.resume?.()
    await network.advance(1_000)
    expect(server.heard).toHaveLength(100)
    expect(client.socket.bufferedAmount).toBe(0)
  })

  it('carries a goodbye after what was sent before it, and back', async () => {
    client.socket.send(bytes('last'))
    client.socket.close(1000, 'done')
    await network.advance(10)
    expect(server.heard).toEqual(['last', 'close 1000 done'])
    await network.advance(10)
    expect(client.heard).toEqual(['open', 'close 1000 done'])
  })

  it('lets a side give up by itself on a goodbye that is never answered', async () => {
    line.hold()
    client.socket.close(1000, 'done')
    await network.advance(3_000)
    expect(client.heard).toEqual(['open', 'close 1006 '])
  })

  it('refuses dials where no server is', async () => {
    line.to(undefined)
    const refused = listen(line.client.socket(line.client.url))
    await network.advance(10)
    expect(refused.heard).toEqual(['close 1006 '])
    expect(line.dials).toBe(2)
  })
})

describe('until', () => {
  it('lets just enough time pass', async () => {
    const rung = new Promise(resolve => network.clock.setTimeout(() => resolve('rung'), 10_000))
    expect(await network.until(rung)).toBe('rung')
    expect(network.clock.now()).toBeLessThan(10_200)
  })

  it('gives up on what never comes', async () => {
    await expect(network.until(new Promise(() => undefined), 1_000)).rejects.toThrow('still waiting after 1000 ms')
  })
})
