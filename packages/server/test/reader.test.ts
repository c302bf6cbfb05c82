import { contract, stream } from '@tautline/core'
import { expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import * as z from 'zod'
import { anyone } from '../src/handlers.ts'
import { serve } from '../src/serve.ts'
import { WsSocket } from '../src/ws.ts'
import { open } from './support/opening.ts'

const media = contract({ noise: stream({ down: z.instanceof(Uint8Array) }) })

it('a client that does not read is closed, costs little until then, and may come back', async () => {
  const limits = { highWaterBytes: 600_000, lowWaterBytes: 500_000, stalledMs: 1_000, replayBytes: 64_000_000 }
  const server = await serve(
    media,
    { port: 0, authenticate: anyone, limits },
    {
      async *noise() {
        for (;;) yield new Uint8Array(60_000)
      },
    },
  )
  const { client, ws } = await open(server.url ?? '')
  client.hello()
  await client.until(({ welcome }) => welcome)
  // Four MiB or so stay in the kernel before anything is unsent.
  for (let id = 1; id <= 16; id++) client.call(id, 'noise', undefined, { window: 1_048_576 })
  ws.pause()
  await expect.poll(() => server.stats().queues.unsentBytes, { timeout: 5_000 }).toBeGreaterThan(500_000)
  expect(server.stats().queues.unsentBytes).toBeLessThan(2_000_000)
  await expect.poll(() => server.stats().sessions, { timeout: 5_000 }).toMatchObject({ attached: 0, detached: 1 })
  ws.terminate()
  await server.close({ withinMs: 0 })
})

it('of one long write on a thin line, what has left is not counted as unsent', async () => {
  const listening = new WebSocketServer({ port: 0 })
  const accepted = new Promise<WebSocket>(resolve => {
    listening.on('connection', (ws, { socket }) => resolve(Object.assign(ws, { tautline: new WsSocket(ws, socket) })))
  })
  await new Promise(resolve => listening.once('listening', resolve))
  const { port } = listening.address() as { port: number }
  const reader = new WebSocket(`ws://localhost:${port}`)
  const ws = (await accepted) as WebSocket & { readonly tautline: WsSocket }
  await new Promise(resolve => reader.once('open', resolve))
  reader.pause()
  for (let n = 0; n < 200; n++) ws.tautline.send(new Uint8Array(64 * 1_024))
  const left = async () => {
    reader.resume()
    await new Promise(resolve => setImmediate(resolve))
    reader.pause()
    return ws.bufferedAmount - ws.tautline.bufferedAmount
  }
  await expect.poll(left, { timeout: 5_000 }).toBeGreaterThan(64 * 1_024)
  reader.resume()
  await expect.poll(() => ws.tautline.bufferedAmount, { timeout: 5_000 }).toBe(0)
  reader.terminate()
  await new Promise(resolve => listening.close(resolve))
})
