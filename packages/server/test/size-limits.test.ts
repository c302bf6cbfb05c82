import { createServer } from 'node:http'
import { Duplex } from 'node:stream'
import { Deadlines, encodeFrame, FrameType } from '@tautline/core/wire'
import { afterEach, describe, expect, it } from 'vitest'
import { upgradeLines } from '../../../test/support/upgrade.ts'
import { VirtualClock } from '../../testing/src/clock.ts'
import { Intake } from '../src/intake.ts'
import { limitsOf, type ServerLimits } from '../src/limits.ts'
import { Outcomes } from '../src/outcomes.ts'
import { open as openHouse } from './support/house.ts'
import { join, Wire } from './support/opening.ts'
import { Serving } from './support/serving.ts'

/** What a busy machine may take longer, in ms. */
const PATIENCE_MS = 5_000

let end: () => unknown = () => undefined

afterEach(() => end())

/** A server on a port of its own. */
async function serving(limits: Partial<ServerLimits>): Promise<{ readonly port: number; readonly url: string }> {
  const { server } = await openHouse({ port: 0, limits })
  end = () => server.close({ withinMs: 0 })
  return { port: server.port ?? 0, url: server.url ?? '' }
}

/** A TCP connection whose bytes come chunk by chunk, as they are pushed. */
class Pushed extends Duplex {
  /** Whether what is written leaves. */
  readonly #flows: boolean
  #written = ''

  constructor(flows: boolean) {
    super()
    this.#flows = flows
  }

  /** The code that its other end was closed with, if it was. */
  get code(): number | undefined {
    const at = this.#written.indexOf('\x88')
    return at === -1 ? undefined : Buffer.from(this.#written, 'latin1').readUInt16BE(at + 2)
  }

  override _read(): void {}

  override _write(chunk: Uint8Array, _: string, written: () => void): void {
    this.#written += Buffer.from(chunk).toString('latin1')
    if (this.#flows) written()
  }

  /** A chunk of its own, that is read before the next one comes. */
  async chunk(...bytes: readonly number[]): Promise<void> {
    this.push(Uint8Array.from(bytes))
    for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
  }
}

/** It, upgraded. */
async function pushed(limits: Partial<ServerLimits>, flows = true): Promise<Pushed> {
  const http = createServer()
  const { server } = await openHouse({ server: http, limits })
  const raw = new Pushed(flows)
  end = () => {
    raw.destroy()
    return server.close({ withinMs: 0 })
  }
  const headers = Object.fromEntries(
    upgradeLines()
      .slice(1)
      .map(line => line.toLowerCase().split(': ')),
  )
  headers['sec-websocket-key'] = 'dGhlIHNhbXBsZSBub25jZQ=='
  http.emit('upgrade', { method: 'GET', url: '/live', headers, socket: raw }, raw, Buffer.alloc(0))
  return raw
}

describe('a message', () => {
  it.each([
    [999, undefined],
    [1_000, undefined],
    [1_001, 1009],
  ])('of %i bytes where there may be 1,000: %s', async (bytes, code) => {
    const client = await join((await serving({ messageBytes: 1_000 })).url)
    const rest = encodeFrame([FrameType.CALL, 1, 'echo', 'x'.repeat(900), undefined]).length - 900
    client.call(1, 'echo', 'x'.repeat(bytes - rest))
    await client.until(() => client.closed ?? client.outcome(1))
    expect(client.closed?.code).toBe(code)
  })

  it.each([
    [7, 4500],
    [8, 4500],
    [9, 1008],
  ])('in %i chunks where there may be 8: %i', async (chunks, code) => {
    const raw = await pushed({ chunks: 8 })
    await raw.chunk(0x82, 0x80 | chunks, 0, 0, 0, 0, 0)
    for (let n = 1; n < chunks; n++) await raw.chunk(0)
    // Once all of it has come, it is no HELLO.
    expect(raw.code).toBe(code)
  })
})

describe('pings', () => {
  it.each([
    [15, false],
    [16, false],
    [17, true],
  ])('of which %i wait for their answer where 16 may: %s', async (pings, gone) => {
    const raw = await pushed({ pongs: 16 }, false)
    for (let n = 0; n < pings; n++) await raw.chunk(0x89, 0x80, 0, 0, 0, 0)
    expect(raw.destroyed).toBe(gone)
  })
})

describe('a request', () => {
  // Node counts what was asked for and the headers, without what stands between them, and takes less than its limit.
  it.each([
    [999, 101],
    [1_000, 431],
    [1_001, 431],
  ])('with a head of %i where it may be smaller than 1,000 is answered with %i', async (size, status) => {
    const { port } = await serving({ requestHeadBytes: 1_000 })
    const head = (padding: number) => upgradeLines('/live', { 'X-Long': 'x'.repeat(padding) })
    const counted = head(0)
      .join('')
      .replaceAll(/: |^GET | HTTP\/1.1/g, '').length
    const wire = new Wire(port).write(`${head(size - counted).join('\r\n')}\r\n\r\n`)
    await wire.until(/\r\n\r\n/)
    expect(wire.text).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    wire.socket.destroy()
  })

  it('that does not end is hung up on when Node looks after its time, and not before', async () => {
    const { port } = await serving({ requestMs: 1_200 })
    const began = performance.now()
    const wire = new Wire(port).write('GET /live HTTP/1.1\r\nX-Slow: ')
    await wire.gone
    const ms = performance.now() - began
    expect(ms).toBeGreaterThanOrEqual(1_200)
    expect(ms).toBeLessThan(1_200 + 1_000 + PATIENCE_MS)
  })
})

describe('a burst', () => {
  it.each([
    [19, 19],
    [20, 20],
    [21, 21],
    [22, 21],
    [30, 21],
  ])('of %i calls where 20 may come: %i are taken, the last of them on credit', async (calls, taken) => {
    const serving = await Serving.start({ limits: { rate: 1, burst: 20 } })
    end = () => serving.end()
    const client = await serving.join()
    for (let id = 1; id <= calls; id++) client.call(id, 'echo', 'x')
    await serving.clock.settle()
    expect(client.all(FrameType.END)).toHaveLength(taken)
  })

  it('is no larger after a silence', async () => {
    const serving = await Serving.start({ limits: { rate: 1, burst: 20 } })
    end = () => serving.end()
    const client = await serving.join()
    client.call(1, 'echo', 'x')
    await serving.clock.advance(22_000)
    for (let id = 2; id <= 60; id++) client.call(id, 'echo', 'x')
    await serving.clock.settle()
    expect(client.all(FrameType.END)).toHaveLength(1 + 21)
  })
})

describe('a socket', () => {
  it('is read up to high water, not above it, and again at low water', () => {
    const clock = new VirtualClock()
    const link = { unsentBytes: 0, through: () => undefined, grace: () => undefined }
    const limits = limitsOf({ highWaterBytes: 1_000, lowWaterBytes: 100 })
    const intake = new Intake({ clock, deadlines: new Deadlines(clock, 10), limits }, link as never)
    const isRead = (unsentBytes: number) => {
      link.unsentBytes = unsentBytes
      intake.room()
      return !intake.paused
    }
    expect([999, 1_000, 1_001, 1_000, 101, 100, 1_000].map(isRead)).toEqual([
      true,
      true,
      false,
      false,
      false,
      true,
      true,
    ])
    intake.close()
  })
})

describe('outcomes', () => {
  it.each([
    [-1, 2],
    [0, 3],
    [1, 3],
  ])('of three owners where there may be %i bytes more: %i are kept', async (more, kept) => {
    const keep = async (totalBytes: number) => {
      const outcomes = new Outcomes(new VirtualClock(), { ms: 1_000, bytes: 1_000, totalBytes })
      for (const owner of ['a', 'b', 'c']) await outcomes.once(owner, owner, 1, async () => 'x'.repeat(100))
      return outcomes
    }
    const { bytes } = await keep(1_000_000)
    expect((await keep(bytes + more)).size).toBe(kept)
  })
})
