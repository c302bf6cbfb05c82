import { createServer, type Server as HttpServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Duplex } from 'node:stream'
import { encodeFrame, FrameType } from '@tautline/core/wire'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import type { ServeOptions } from '../src/options.ts'
import { cert, key } from './support/certificate.ts'
import { type House, open as openHouse } from './support/house.ts'
import { dial, join, open, Wire } from './support/opening.ts'

let houses: House[] = []
let others: HttpServer[] = []

async function serving(
  options: Partial<ServeOptions<unknown>> = { port: 0 },
): Promise<House & { url: string; port: number }> {
  const house = await openHouse(options)
  houses.push(house)
  return { ...house, url: house.server.url ?? '', port: house.server.port ?? 0 }
}

function listening<T extends HttpServer>(server: T): Promise<T> {
  others.push(server)
  return new Promise(resolve => server.listen(0, () => resolve(server)))
}

afterEach(async () => {
  for (const { server } of houses) {
    await server.close({ withinMs: 0 })
    expect(server.stats().sessions).toEqual({ attached: 0, detached: 0, unauthenticated: 0 })
  }
  for (const server of others) {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
  houses = []
  others = []
})

describe('a port of its own', () => {
  it('takes clients, and calls go there and back', async () => {
    const { url, server } = await serving()
    expect(url).toBe(`ws://localhost:${server.port}/live`)
    const client = await join(url)
    client.call(1, 'echo', 'hi')
    expect(await client.until(({ outcome }) => outcome.call(client, 1))).toEqual([FrameType.END, 1, 'hi'])
  })

  it.each(['/', '/live', '/anything'])('answers who asks for %s without a WebSocket at once', async path => {
    const { port } = await serving()
    const response = await fetch(`http://localhost:${port}${path}`)
    expect(response.status).toBe(426)
    expect(response.headers.get('upgrade')).toBe('websocket')
  })

  it('has nothing on other paths', async () => {
    const { url } = await serving()
    expect(await dial(url.replace('/live', '/other'))).toMatchObject({ status: 404 })
    expect(await dial(url.replace('/live', '/live/more'))).toMatchObject({ status: 404 })
    expect('client' in (await dial(`${url}?route=here`))).toBe(true)
  })

  it('that is taken makes serve reject, and leaves nothing behind', async () => {
    const { port } = await serving()
    await expect(openHouse({ port })).rejects.toThrow('EADDRINUSE')
  })

  it('is free again when the server is closed', async () => {
    const { server, port } = await serving()
    await server.close()
    expect(server.port).toBeUndefined()
    await serving({ port })
  })

  it('hangs up on who sends nothing, or an endless head', async () => {
    const { port } = await serving({ port: 0, limits: { requestMs: 300, requestHeadBytes: 1_000 } })
    const [mute, dripping] = [new Wire(port), new Wire(port).write('GET /live HTTP/1.1\r\nHost: x\r\n')]
    const drip = setInterval(() => dripping.write('X-A: b\r\n'), 100)
    await Promise.all([mute.gone, dripping.gone])
    clearInterval(drip)
    const long = new Wire(port).upgrade('/live', { 'X-Long': 'x'.repeat(1_000) })
    await long.gone
    expect(long.text).toMatch(/^HTTP\/1.1 431 /)
    const fits = new Wire(port).upgrade('/live', { 'X-Long': 'x'.repeat(600) })
    await fits.until(/\r\n\r\n/)
    expect(fits.text).toMatch(/^HTTP\/1.1 101 /)
    fits.socket.destroy()
  })
})

describe('an HTTP server that was there before', () => {
  it('goes on with its routes, and is not closed', async () => {
    const http = await listening(createServer((_, response) => response.end('home')))
    const { server, url } = await serving({ server: http })
    expect(url).toBe(`ws://localhost:${(http.address() as AddressInfo).port}/live`)
    await join(url)
    const home = url.replace('ws:', 'http:')
    expect(await (await fetch(home)).text()).toBe('home')
    await server.close({ withinMs: 0 })
    expect(await (await fetch(home)).text()).toBe('home')
    expect(http.listenerCount('upgrade')).toBe(0)
  })

  it('keeps its other WebSockets, whoever came first', async () => {
    const http = createServer()
    const early = new WebSocketServer({ noServer: true })
    http.on('upgrade', (request, raw, head) => {
      if (request.url === '/early') early.handleUpgrade(request, raw, head, ws => ws.send('early'))
    })
    await listening(http)
    const { url } = await serving({ server: http, path: '/tautline' })
    const late = new WebSocketServer({ noServer: true })
    http.on('upgrade', (request, raw, head) => {
      if (request.url === '/late') setTimeout(() => late.handleUpgrade(request, raw, head, ws => ws.send('late')), 20)
    })
    for (const name of ['early', 'late']) {
      const wire = new Wire((http.address() as AddressInfo).port).upgrade(`/${name}`)
      await wire.until(new RegExp(name))
      wire.socket.destroy()
    }
    await join(url)
  })

  it('without anybody else for an upgrade has it answered, so that it does not hang for ever', async () => {
    const http = await listening(createServer())
    const { url } = await serving({ server: http })
    expect(await dial(url.replace('/live', '/other'))).toMatchObject({ status: 404 })
  })

  it('may listen later', async () => {
    const http = createServer()
    const { server } = await serving({ server: http })
    expect(server.port).toBeUndefined()
    expect(server.url).toBeUndefined()
    await listening(http)
    await join(server.url ?? '')
  })

  it('may speak TLS', async () => {
    const https = await listening(createSecureServer({ cert, key }))
    const { url } = await serving({ server: https })
    expect(url).toMatch(/^wss:/)
    const client = await join(url, 'ada', { ca: cert, origin: new URL(url.replace('wss:', 'https:')).origin })
    client.call(1, 'echo', 'hi')
    await client.until(() => client.outcome(1))
    const plain = new URL(url.replace('wss:', 'http:')).origin
    expect(await dial(url, { ca: cert, origin: plain })).toMatchObject({ status: 403 })
  })
})

describe('who is turned away', () => {
  it.each(['/live', '/other'])('from %s takes nothing down when the socket fails meanwhile', async url => {
    const http = await listening(createServer())
    await serving({ server: http })
    const raw = new Duplex({ read: () => undefined, write: () => undefined })
    http.emit('upgrade', { url, headers: {}, socket: raw }, raw, Buffer.alloc(0))
    expect(raw.writableLength).toBeGreaterThan(0)
    expect(() => raw.emit('error', new Error('reset'))).not.toThrow()
    raw.destroy()
  })

  it('is told so in HTTP, and the connection is closed', async () => {
    const { port } = await serving()
    const cases: [number, Record<string, string | undefined>][] = [
      [400, { 'Sec-WebSocket-Protocol': undefined }],
      [400, { 'Sec-WebSocket-Protocol': 'graphql-ws' }],
      [400, { 'Sec-WebSocket-Key': 'short' }],
      [400, { 'Sec-WebSocket-Version': '7' }],
      [400, { Upgrade: 'h2c' }],
      [403, { Origin: 'https://evil.com' }],
      [403, { Origin: 'null' }],
    ]
    for (const [status, headers] of cases) {
      const wire = new Wire(port).upgrade('/live', headers)
      await wire.gone
      expect(wire.text).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
      expect(wire.text).toMatch(/Connection: close/)
    }
  })

  it('because too many have not said who they are gets 503, and may come later', async () => {
    const { url } = await serving({ port: 0, limits: { unauthenticated: 2 } })
    const [first] = [await open(url), await open(url)]
    expect(await dial(url)).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
    first?.client.hello({ token: 'ada' })
    await first?.client.until(({ welcome }) => welcome)
    await join(url)
  })

  it('because too many of its address have not gets 429, behind a proxy that is trusted', async () => {
    const limits = { unauthenticatedPerAddress: 1 }
    const { url } = await serving({ port: 0, limits, trustProxy: true })
    const from = (address: string) => ({ headers: { 'X-Forwarded-For': `6.6.6.6, ${address}` } })
    await open(url, from('10.0.0.1'))
    await open(url, from('10.0.0.2'))
    expect(await dial(url, from('10.0.0.1'))).toMatchObject({ status: 429, headers: { 'retry-after': '1' } })
    expect('client' in (await dial(url, from('10.0.0.3')))).toBe(true)
  })

  it('is nobody while all have the same address', async () => {
    const { url } = await serving({ port: 0, limits: { unauthenticatedPerAddress: 1 } })
    for (let n = 0; n < 3; n++) await open(url)
  })

  it('because it speaks another version is told which one is spoken here', async () => {
    const { url } = await serving()
    const { client, ws } = await open(url, { protocol: ['chat', 'tautline.9'] })
    expect(ws.protocol).toBe('tautline.9')
    expect(await client.until(({ closed }) => closed)).toEqual({ code: 4526, reason: 'this server speaks tautline.1' })
  })

  it('because the server is closing gets 503', async () => {
    const { server, url } = await serving()
    const client = await join(url)
    const closed = server.close()
    expect(await dial(url)).toMatchObject({ status: 503 })
    client.close(1000)
    await closed
  })
})

describe('addresses', () => {
  it.each([
    [0, '1.1.1.1', /127\.0\.0\.1$/],
    [1, '6.6.6.6, 1.1.1.1', /^1\.1\.1\.1$/],
    [2, '6.6.6.6, 1.1.1.1, 10.0.0.1', /^1\.1\.1\.1$/],
    [2, '1.1.1.1', /^1\.1\.1\.1$/],
    [1, '2001:db8::1', /^2001:db8::1$/],
    [1, 'unknown', /127\.0\.0\.1$/],
    [1, 'x'.repeat(5_000), /127\.0\.0\.1$/],
    [1, '', /127\.0\.0\.1$/],
  ])('behind %i proxies, with %s', async (trustProxy, forwarded, address) => {
    const { port } = await serving({ port: 0, host: '127.0.0.1', trustProxy })
    const headers = { 'X-Forwarded-For': forwarded }
    const client = await join(`ws://127.0.0.1:${port}/live`, 'ada', { headers })
    client.call(1, 'whoami')
    const [, , who] = await client.until(() => client.outcome(1))
    expect(who).toMatchObject({ address: expect.stringMatching(address) })
  })
})

describe('a socket', () => {
  const frame = (...bytes: number[]) => Uint8Array.from(bytes)

  async function upgraded(port: number): Promise<Wire> {
    const wire = new Wire(port).upgrade()
    await wire.until(/\r\n\r\n/)
    wire.text = ''
    return wire
  }

  it('on which something else than WebSocket frames arrives is closed, and nothing else happens', async () => {
    const { port, url, errors } = await serving()
    const client = await join(url)
    const table: [string, Uint8Array][] = [
      ['without a mask', frame(0x82, 1, 0)],
      ['RSV1', frame(0xc2, 0x80, 0, 0, 0, 0)],
      ['RSV2 and RSV3', frame(0xb2, 0x80, 0, 0, 0, 0)],
      ['an opcode that nobody knows', frame(0x83, 0x80, 0, 0, 0, 0)],
      ['a control opcode that nobody knows', frame(0x8b, 0x80, 0, 0, 0, 0)],
      ['a long ping', frame(0x89, 0xfe, 0, 126, 0, 0, 0, 0)],
      ['a ping in pieces', frame(0x09, 0x80, 0, 0, 0, 0)],
      ['a continuation of nothing', frame(0x80, 0x80, 0, 0, 0, 0)],
      ['a beginning in the middle', frame(0x02, 0x80, 0, 0, 0, 0, 0x82, 0x80, 0, 0, 0, 0)],
      ['a close code that is none', frame(0x88, 0x82, 0, 0, 0, 0, 0, 1)],
      ['a close of one byte', frame(0x88, 0x81, 0, 0, 0, 0, 3)],
      ['a size of 2⁶³', frame(0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)],
      ['a size above the limit', frame(0x82, 0xff, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0)],
      ['text', frame(0x81, 0x81, 0, 0, 0, 0, 0x41)],
      ['text that is no UTF-8', frame(0x81, 0x81, 0, 0, 0, 0, 0xff)],
      ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ]
    for (const [, bytes] of table) {
      const wire = await upgraded(port)
      wire.write(bytes)
      await wire.until(/\x88/)
      wire.socket.end()
      await wire.gone
    }
    client.call(1, 'echo', 'still here')
    await client.until(() => client.outcome(1))
    expect(errors).toEqual([])
  })

  it('whose first message comes with the request for it loses nothing', async () => {
    const { port, server } = await serving()
    const hello = encodeFrame([FrameType.HELLO, { token: 'ada' }])
    const wire = new Wire(port)
    wire.socket.cork()
    wire.upgrade().write(Uint8Array.of(0x82, 0x80 | hello.length, 0, 0, 0, 0, ...hello))
    wire.socket.uncork()
    await wire.until(/publicId/)
    expect(server.stats().sessions.attached).toBe(1)
    wire.socket.destroy()
  })

  it('of 1 MiB messages takes no byte more, and tells by its header already', async () => {
    const { url } = await serving({ port: 0, limits: { messageBytes: 1_000 } })
    const fits = await join(url)
    fits.call(1, 'echo', 'x'.repeat(1_000 - 12))
    await fits.until(() => fits.outcome(1))
    fits.sendBytes(new Uint8Array(1_001))
    expect((await fits.until(({ closed }) => closed)).code).toBe(1009)
  })

  it('on which a message has begun and does not end is given up', async () => {
    const { port, server } = await serving({ port: 0, limits: { messageMs: 1_000, helloMs: 60_000 } })
    const wire = await upgraded(port)
    wire.write(frame(0x82, 0xfe, 1, 0, 0, 0, 0, 0, 1, 2, 3))
    await wire.gone
    await expect.poll(() => server.stats().sessions.unauthenticated).toBe(0)
  })

  it('that is reset is forgotten, and the session waits', async () => {
    const { url, server } = await serving()
    const { client, ws } = await open(url)
    client.hello({ token: 'ada' })
    await client.until(({ welcome }) => welcome)
    ws.terminate()
    await expect.poll(() => server.stats().sessions).toMatchObject({ attached: 0, detached: 1 })
  })

  it('that never says anything is closed in time', async () => {
    const { url } = await serving({ port: 0, limits: { helloMs: 200 } })
    const { client } = await open(url)
    expect((await client.until(({ closed }) => closed)).code).toBe(4008)
  })

  it('whose client does not say goodbye back does not keep the server open', async () => {
    const { port, server } = await serving()
    await upgraded(port)
    const before = performance.now()
    await server.close({ withinMs: 0 })
    expect(performance.now() - before).toBeLessThan(2_500)
  })
})
