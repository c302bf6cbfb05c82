import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { upgrader } from '../src/ws.ts'

const LIMITS = { messageBytes: 1_048_576, fragments: 256, chunks: 4_096, pongs: 16 }

it.each([false, true])(
  'sends messages of any size as they are and in order, compressed or not: %s',
  async compression => {
    const sizes = [1, 125, 126, 127, 1_500, 16_384, 16_385, 65_535, 65_536, 3]
    const http = createServer()
    const upgrade = upgrader(LIMITS, compression)
    http.on('upgrade', (request: IncomingMessage, raw: Duplex, head: Buffer) => {
      upgrade(request, raw, head, socket => {
        for (const size of sizes) {
          const message = new Uint8Array(size).fill(size & 0xff)
          socket.send(message)
          // The same message again, as a publication is.
          socket.send(message)
        }
      })
    })
    await once(http.listen(0, '127.0.0.1'), 'listening')
    const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`, ['tautline.1'])
    const received: number[] = []
    const all = new Promise<void>(resolve => {
      client.on('message', (data: Buffer, isBinary) => {
        expect(isBinary).toBe(true)
        expect(data.every(byte => byte === (data.length & 0xff))).toBe(true)
        if (received.push(data.length) === sizes.length * 2) resolve()
      })
    })
    await all
    client.close()
    await once(client, 'close')
    http.close()
    expect(received).toEqual(sizes.flatMap(size => [size, size]))
  },
)
