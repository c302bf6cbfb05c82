import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from '@tautline/client'
import { afterEach, describe, expect, it } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { entries } from './support/client.ts'

let listening: WebSocketServer
let stop = () => {}

afterEach(async () => {
  stop()
  for (const client of listening.clients) client.terminate()
  await new Promise(resolve => listening.close(resolve))
})

/** A server that does to whoever connects what it is told to. */
async function dialled(attack: (ws: WebSocket, request: IncomingMessage) => void, limits = {}) {
  listening = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'tautline.1' })
  await new Promise(resolve => listening.once('listening', resolve))
  listening.on('connection', attack)
  const { port } = listening.address() as AddressInfo
  const client = connect(entries, { url: `ws://127.0.0.1:${port}`, limits, random: () => 1 })
  stop = () => client.connection.close()
  client.connection.open()
  return client
}

/** The TCP socket below a WebSocket, for bytes that are none of it. */
function below(ws: WebSocket): { write(bytes: Uint8Array): void; readonly bytesWritten: number } {
  return (ws as unknown as { readonly _socket: { write(bytes: Uint8Array): void; readonly bytesWritten: number } })
    ._socket
}

describe('a hostile server', () => {
  it('is offered no compression, so that nothing it sends can grow', async () => {
    const offered = new Promise(resolve => {
      void dialled((_, { headers }) => resolve(headers['sec-websocket-extensions']))
    })
    expect(await offered).toBeUndefined()
  })

  it('that announces more than the client takes is left at once: nothing is gathered', async () => {
    let told = (_: number) => {}
    const closed = new Promise<number>(resolve => {
      told = resolve
    })
    const { connection } = await dialled(
      ws => {
        below(ws).write(Uint8Array.of(0x82, 127, 0, 0, 0, 0, 0, 0x10, 0, 1))
        ws.on('close', told)
      },
      { messageBytes: 1_048_576 },
    )
    expect(await closed).toBe(1009)
    await expect.poll(() => connection.state.status).not.toBe('connecting')
  })

  it.each([
    [1_048_575, 4500],
    [1_048_576, 4500],
    [1_048_577, 1009],
  ])('that begins with %i bytes of nothing where the client takes 1 MiB is left with %i', async (bytes, code) => {
    let told = (_: number) => {}
    const closed = new Promise<number>(resolve => {
      told = resolve
    })
    const attack = (ws: WebSocket) => {
      ws.send(Buffer.alloc(bytes))
      ws.on('close', told)
    }
    await dialled(attack, { messageBytes: 1_048_576 })
    expect(await closed).toBe(code)
  })

  it.each([
    ['an allocation bomb', `9201${'dd01ffffff'.repeat(31)}`],
    ['a million arrays', `9201${'91'.repeat(1_000_000)}`],
    ['a frame that only clients send', '9200c0'],
    ['nothing', ''],
    ['a WELCOME of nonsense', '920181a7736573736f6e01'],
  ])('that begins with %s is not dialled again', async (_, hex) => {
    const { connection, api } = await dialled(ws => ws.send(Buffer.from(hex, 'hex')))
    const call = api.say('hello').catch((error: unknown) => error)
    await expect.poll(() => connection.state.status).toBe('closed')
    expect(await call).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: false })
  })

  it('that breaks WebSocket itself is dialled again, later', async () => {
    const { connection } = await dialled(ws => below(ws).write(Uint8Array.of(0xf2, 0x80, 1, 2, 3, 4)))
    await expect.poll(() => connection.state.status).toBe('waiting')
  })
})
