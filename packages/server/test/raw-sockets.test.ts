import { randomBytes } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import { contract, procedure } from '@tautline/core'
import { encodeFrame, FrameType } from '@tautline/core/wire'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import * as z from 'zod'
import { anyone } from '../src/handlers.ts'
import type { ServeOptions } from '../src/options.ts'
import { serve } from '../src/serve.ts'
import type { Server } from '../src/server.ts'
import { SUBPROTOCOL, WsSocket } from '../src/ws.ts'
import { HandClient } from './support/hand-client.ts'
import { join, open, Wire } from './support/opening.ts'

const box = contract({
  look: procedure({ input: z.instanceof(Uint8Array), output: z.unknown() }),
  search: procedure({ input: z.instanceof(Uint8Array), output: z.unknown() }),
  echo: procedure({ input: z.string(), output: z.string() }),
})

let server: Server<typeof box, unknown>
/** What was asked for, in that order. */
let echoed: string[] = []

async function serving(options: Partial<ServeOptions<unknown>> = {}): Promise<number> {
  server = await serve<typeof box, unknown>(
    box,
    { port: 0, host: '127.0.0.1', authenticate: anyone, ...options },
    {
      look: bytes => ({ own: bytes.buffer.byteLength, isBuffer: Buffer.isBuffer(bytes), all: [...bytes].join() }),
      search: bytes => ({ found: Buffer.from(bytes.buffer).includes('SECRET'), own: bytes.buffer.byteLength }),
      echo: text => {
        echoed.push(text)
        return text
      },
    },
  )
  return server.port ?? 0
}

afterEach(async () => {
  echoed = []
  await server.close({ withinMs: 0 })
  expect(server.stats().sessions).toEqual({ attached: 0, detached: 0, unauthenticated: 0 })
})

/** A WebSocket frame as a client sends it, masked with zeros. */
function masked(first: number, payload: Uint8Array): Buffer {
  const { length } = payload
  const size = length < 126 ? [0x80 | length] : length < 65_536 ? [0xfe, length >> 8, length & 255] : []
  if (size.length === 0) {
    const wide = Buffer.alloc(9)
    wide[0] = 0xff
    wide.writeUInt32BE(length, 5)
    size.push(...wide)
  }
  return Buffer.concat([Buffer.of(first, ...size, 0, 0, 0, 0), payload])
}

const BINARY = 0x02
const CONTINUATION = 0x00
const FIN = 0x80
const RSV1 = 0x40
const PING = 0x09
const PONG = 0x0a
const PINGED = masked(FIN | PING, new Uint8Array(0))

async function upgraded(port: number, hello = true): Promise<Wire> {
  const wire = new Wire(port).upgrade()
  await wire.until(/\r\n\r\n/)
  wire.text = ''
  if (!hello) return wire
  wire.write(masked(FIN | BINARY, encodeFrame([FrameType.HELLO, {}])))
  await wire.until(/publicId/)
  wire.text = ''
  return wire
}

/** The close code that a wire was told, if it was. */
function codeOf(wire: Wire): number | undefined {
  const at = wire.text.indexOf('\x88')
  return at === -1 ? undefined : Buffer.from(wire.text.slice(at + 2, at + 4), 'latin1').readUInt16BE()
}

describe('bytes that reach a handler', () => {
  it.each([1, 2, 7])('are its own, also when they came in %i fragments', async fragments => {
    const port = await serving()
    const victim = await upgraded(port)
    const thief = await upgraded(port)
    const secret = Buffer.from('SECRET-OF-THE-VICTIM')
    const call = encodeFrame([FrameType.CALL, 1, 'look', new Uint8Array([1, 2, 3]), undefined])
    const size = Math.ceil(call.length / fragments)
    for (let at = 0; at < call.length; at += size) {
      // Between each two of the thief's fragments, others' messages go through the same memory.
      victim.write(masked(FIN | BINARY, encodeFrame([FrameType.CALL, at + 1, 'echo', `${secret}`, undefined])))
      const last = at + size >= call.length
      thief.write(masked((last ? FIN : 0) | (at === 0 ? BINARY : CONTINUATION), call.subarray(at, at + size)))
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    await thief.until(/isBuffer/)
    expect(thief.text).toContain('1,2,3')
    const own = Buffer.from(thief.text.slice(thief.text.indexOf('own') + 3), 'latin1')
    // No more than the frame that they came in.
    expect(own[0] === 0xcc ? own[1] : own[0]).toBeLessThanOrEqual(call.length)
    expect(thief.text).toContain('isBuffer\xc2')
    for (const wire of [victim, thief]) wire.socket.destroy()
  })

  it('are its own in a large message too, whose memory it keeps: what else was in it cannot be seen', async () => {
    const port = await serving()
    const victim = await upgraded(port)
    const thief = await upgraded(port)
    const secret = encodeFrame([FrameType.CALL, 1, 'echo', 'SECRET', undefined])
    const search = encodeFrame([FrameType.CALL, 2, 'search', new Uint8Array(200_000).fill(1), undefined])
    const message = masked(FIN | BINARY, Buffer.concat([secret, search]))
    thief.write(message.subarray(0, 100_000))
    victim.write(masked(FIN | BINARY, secret))
    await victim.until(/SECRET/)
    thief.write(message.subarray(100_000))
    await thief.until(/own/)
    expect(thief.text).toContain('found\xc2')
    const own = Buffer.from(thief.text.slice(thief.text.indexOf('own') + 3), 'latin1')
    expect(own.readUInt32BE(1)).toBe(secret.length + search.length)
    for (const wire of [victim, thief]) wire.socket.destroy()
  })
})

describe('a WebSocket that is misused', () => {
  it('by more than 256 fragments of one message is closed with 1008; by 256 it is not', async () => {
    const port = await serving()
    const wire = await upgraded(port)
    const call = encodeFrame([FrameType.CALL, 1, 'echo', 'x'.repeat(300), undefined])
    const pieces = [...call].map((byte, at) => masked(at === 0 ? BINARY : CONTINUATION, Uint8Array.of(byte)))
    wire.write(Buffer.concat(pieces.slice(0, 255)))
    wire.write(masked(FIN | CONTINUATION, call.subarray(255)))
    await wire.until(/xxxx/)
    wire.write(Buffer.concat([...pieces.slice(0, 256), masked(CONTINUATION, Uint8Array.of(1))]))
    await wire.gone
    expect(codeOf(wire)).toBe(1008)
  })

  it('by announcing a message that is too large is closed with 1009 before any of it comes', async () => {
    const port = await serving({ limits: { messageBytes: 1_000 } })
    const wire = await upgraded(port)
    wire.write(Uint8Array.of(FIN | BINARY, 0xfe, 0x03, 0xe9, 0, 0, 0, 0))
    await wire.until(/\x88/)
    expect(codeOf(wire)).toBe(1009)
    await wire.gone
  })

  it('by a message that comes in more than 4,096 chunks is closed', async () => {
    const port = await serving({ limits: { chunks: 64 } })
    const wire = await upgraded(port)
    wire.socket.setNoDelay(true)
    const call = masked(FIN | BINARY, encodeFrame([FrameType.CALL, 1, 'echo', 'x'.repeat(60), undefined]))
    for (const byte of call.subarray(0, 60)) {
      wire.write(Uint8Array.of(byte))
      await new Promise(resolve => setTimeout(resolve, 1))
    }
    wire.write(call.subarray(60))
    await wire.until(/xxxx/)
    wire.text = ''
    wire.write(masked(FIN | BINARY, new Uint8Array(1_000)).subarray(0, 20))
    const drip = setInterval(() => wire.write('x'), 1)
    await wire.gone
    clearInterval(drip)
    expect(codeOf(wire)).toBe(1008)
  })

  it('by pings whose answers it does not read is closed, a few are no flood', async () => {
    const most = 64_000_000
    const port = await serving({ limits: { highWaterBytes: most, callBytes: most, replayBytes: most } })
    const wire = await upgraded(port)
    wire.write(Buffer.concat(Array(10).fill(PINGED)))
    wire.write(masked(FIN | BINARY, encodeFrame([FrameType.CALL, 1, 'echo', 'here', undefined])))
    await wire.until(/here/)
    wire.socket.pause()
    for (let id = 2; id <= 12; id++) {
      wire.write(masked(FIN | BINARY, encodeFrame([FrameType.CALL, id, 'echo', 'x'.repeat(1_000_000), undefined])))
    }
    await expect.poll(() => server.stats().queues.unsentBytes, { timeout: 8_000 }).toBeGreaterThan(1_000_000)
    wire.write(Buffer.concat(Array(20).fill(PINGED)))
    await expect.poll(() => server.stats().sessions.attached, { timeout: 2_000 }).toBe(0)
    wire.socket.destroy()
  })

  it('by many pings one after another is closed with 1008, and so it is by pongs that nobody asked for', async () => {
    const port = await serving()
    const patient = await upgraded(port)
    for (let n = 0; n < 200 && codeOf(patient) === undefined; n++) {
      patient.text = ''
      patient.write(PINGED)
      await patient.until(/[\x88\x8a]/)
    }
    expect(codeOf(patient)).toBe(1008)
    const wire = await upgraded(port)
    wire.write(Buffer.concat(Array(5_000).fill(masked(FIN | PONG, new Uint8Array(0)))))
    await wire.until(/\x88/)
    expect(codeOf(wire)).toBe(1008)
    await wire.gone
  })

  it('by who reads no pongs costs nothing', async () => {
    const port = await serving()
    const wire = await upgraded(port)
    wire.socket.pause()
    const before = process.memoryUsage().rss
    for (let n = 0; n < 50; n++) wire.write(Buffer.concat(Array(1_000).fill(masked(FIN | PING, randomBytes(125)))))
    await expect.poll(() => server.stats().sessions.attached, { timeout: 8_000 }).toBe(0)
    expect(process.memoryUsage().rss - before).toBeLessThan(64_000_000)
    wire.socket.destroy()
  })
})

describe('a client that hangs up', () => {
  it.each([
    ['in the middle of being turned away', '/other', {}],
    ['because of its origin', '/live', { Origin: 'https://evil.com' }],
    ['as soon as it is let in', '/live', {}],
  ])('%s takes nothing down', async (_, path, headers) => {
    const port = await serving()
    for (let n = 0; n < 20; n++) {
      const wire = new Wire(port).upgrade(path, headers)
      await new Promise(resolve => wire.socket.once('ready', resolve))
      await new Promise(resolve => setTimeout(resolve, n % 5))
      wire.write('x'.repeat(1_000)).socket.resetAndDestroy()
      await wire.gone
    }
    const client = await join(`ws://127.0.0.1:${port}/live`)
    client.call(1, 'echo', 'still here')
    await client.until(() => client.outcome(1))
  })
})

describe('a client that sends much at once', () => {
  it('has its messages read one by one, and others between them', async () => {
    const port = await serving()
    const [one, other] = [await upgraded(port), await upgraded(port)]
    const echo = (id: number, text: string) =>
      masked(FIN | BINARY, encodeFrame([FrameType.CALL, id, 'echo', text, undefined]))
    // Small enough to come in one piece.
    one.write(Buffer.concat(Array.from({ length: 100 }, (_, n) => echo(n + 1, 'one'))))
    other.write(echo(1, 'other'))
    await other.until(/other/)
    await expect.poll(() => echoed.length).toBe(101)
    expect(echoed.indexOf('other')).toBeLessThan(80)
    for (const wire of [one, other]) wire.socket.destroy()
  })
})

describe('a client that is not read because it asked for too much', () => {
  it('is forgotten when it has left, and not when all that it asked for has been read', async () => {
    const port = await serving({ limits: { rate: 1, burst: 2, resumeMs: 0 } })
    const wire = await upgraded(port)
    // Nothing is answered, and it is more than Node reads from a socket that is paused: its end stands behind it.
    const flood = masked(FIN | BINARY, Buffer.concat(Array(5_000).fill(encodeFrame([FrameType.PONG]))))
    wire.write(masked(FIN | BINARY, encodeFrame([FrameType.CALL, 1, 'echo', 'here', undefined])))
    wire.write(Buffer.concat(Array(20).fill(flood)))
    await wire.until(/here/)
    expect(server.stats().sessions.attached).toBe(1)
    wire.socket.destroy()
    await expect.poll(() => server.stats().sessions.attached, { timeout: 9_000 }).toBe(0)
  })
})

describe('before WELCOME', () => {
  it('a message that is announced as large is not gathered: who goes on beyond HELLO is closed', async () => {
    const port = await serving({ limits: { helloMs: 60_000 } })
    const wire = await upgraded(port, false)
    const half = masked(FIN | BINARY, new Uint8Array(1_000_000))
    wire.write(half.subarray(0, 9_000))
    await wire.until(/\x88/)
    expect(codeOf(wire)).toBe(4500)
    wire.write(half.subarray(9_000, 500_000))
    await wire.gone
  })

  it('the largest HELLO passes, and afterwards messages may be large', async () => {
    const port = await serving({ authenticate: ({ token }) => ({ context: token }) })
    const { client } = await open(`ws://127.0.0.1:${port}/live`)
    const rest = encodeFrame([FrameType.HELLO, { token: '' }]).length + 2
    client.hello({ token: 'x'.repeat(8_192 - rest) })
    await client.until(({ welcome }) => welcome)
    client.call(1, 'echo', 'x'.repeat(900_000))
    expect((await client.until(() => client.outcome(1)))[0]).toBe(FrameType.END)
  })
})

describe('compression', () => {
  const text = 'tautline '.repeat(1_000)

  function compressing(port: number): Promise<{ client: HandClient; ws: WebSocket }> {
    return new Promise((resolve, reject) => {
      const ws = new WebSocket(`ws://127.0.0.1:${port}/live`, SUBPROTOCOL, { perMessageDeflate: true })
      ws.on('open', () => resolve({ client: new HandClient(new WsSocket(ws)), ws }))
      ws.on('error', reject)
    })
  }

  it('is not agreed on unless it is asked for', async () => {
    const port = await serving()
    const { ws } = await compressing(port)
    expect(ws.extensions).toBe('')
    ws.terminate()
  })

  it('is agreed on with small windows that no message shares, and used for 1 KiB and more', async () => {
    const port = await serving({ compression: true })
    const asking = new Wire(port).upgrade('/live', { 'Sec-WebSocket-Extensions': 'permessage-deflate' })
    await asking.until(/\r\n\r\n/)
    for (const part of ['server_no_context_takeover', 'client_no_context_takeover', 'server_max_window_bits=12']) {
      expect(asking.text).toContain(part)
    }
    asking.socket.destroy()
    const { client, ws } = await compressing(port)
    client.hello()
    await client.until(({ welcome }) => welcome)
    const raw = (ws as unknown as { readonly _socket: { readonly bytesRead: number } })._socket
    const cost = async (id: number, value: string) => {
      const before = raw.bytesRead
      client.call(id, 'echo', value)
      expect((await client.until(() => client.outcome(id)))[2]).toBe(value)
      return raw.bytesRead - before
    }
    expect(await cost(1, text)).toBeLessThan(text.length / 10)
    expect(await cost(2, text.slice(0, 900))).toBeGreaterThan(900)
    expect(await cost(3, randomBytes(1_000).toString('hex'))).toBeLessThan(2_000)
  })

  it('is for those who offer it: others are served as ever', async () => {
    const port = await serving({ compression: true })
    const client = await join(`ws://127.0.0.1:${port}/live`)
    client.call(1, 'echo', text)
    expect((await client.until(() => client.outcome(1)))[2]).toBe(text)
  })

  it('does not make a message larger than it may be: a bomb is stopped at the limit', async () => {
    const port = await serving({ compression: true })
    const bomb = deflateRawSync(Buffer.alloc(90 * 1_048_576), { finishFlush: 2 })
    const { client, ws } = await compressing(port)
    client.hello()
    await client.until(({ welcome }) => welcome)
    const raw = (ws as unknown as { readonly _socket: { write(bytes: Uint8Array): void } })._socket
    const before = process.memoryUsage().rss
    raw.write(masked(FIN | RSV1 | BINARY, bomb))
    expect((await client.until(({ closed }) => closed)).code).toBe(1009)
    expect(process.memoryUsage().rss - before).toBeLessThan(30 * 1_048_576)
  })

  it('cannot fill the memory behind a socket that is not read: what was packed small is counted as large', async () => {
    const port = await serving({ compression: true, limits: { rate: 1, burst: 1 } })
    const { client, ws } = await compressing(port)
    client.hello()
    await client.until(({ welcome }) => welcome)
    const raw = (ws as unknown as { readonly _socket: { write(bytes: Uint8Array): void } })._socket
    const call = encodeFrame([FrameType.CALL, 1_000, 'echo', 'x'.repeat(1_000_000), undefined])
    const packed = masked(FIN | RSV1 | BINARY, deflateRawSync(call, { finishFlush: 2 }))
    for (let id = 1; id <= 3; id++) client.call(id, 'echo', 'x')
    raw.write(Buffer.concat(Array(40).fill(packed)))
    expect((await client.until(({ closed }) => closed)).code).toBe(4029)
  })

  it('is switched with true or false', async () => {
    await serving()
    await expect(serving({ compression: 1 as never })).rejects.toThrow('compression must be true or false')
  })
})
