import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../testing/src/clock.ts'
import { Deadlines } from '../../src/wire/deadlines.ts'
import { type Frame, FrameType, type ProtocolError } from '../../src/wire/frames.ts'
import { Inlet } from '../../src/wire/inlet.ts'
import { Link, type LinkLimits } from '../../src/wire/link.ts'
import { parseFrame } from '../../src/wire/parse.ts'
import { pipe } from '../../src/wire/pipe.ts'
import { KEPT_OVERHEAD } from '../../src/wire/replay.ts'
import { SCAN_LIMITS } from '../../src/wire/scan.ts'

const limits: LinkLimits = {
  sendBytes: 1_048_576,
  receiveBytes: 1_048_576,
  replayBytes: 1_048_576,
  itemWaterBytes: 262_144,
  scan: SCAN_LIMITS,
}

type Side = { link: Link; inlet: Inlet; got: Frame[]; closed: string[]; broken: ProtocolError[]; overflowed: number }

let clock: VirtualClock
let deadlines: Deadlines

beforeEach(() => {
  clock = new VirtualClock()
  deadlines = new Deadlines(clock, 100)
})

afterEach(() => {
  deadlines.clear()
  expect(clock.pending).toBe(0)
})

function side(from: 'client' | 'server', changed: Partial<LinkLimits> = {}): Side {
  const got: Frame[] = []
  const closed: string[] = []
  const broken: ProtocolError[] = []
  const inlet = new Inlet(limits.receiveBytes)
  const self: Side = {
    inlet,
    got,
    closed,
    broken,
    overflowed: 0,
    link: new Link(
      { parse: frame => parseFrame(frame, from), clock, deadlines, limits: { ...limits, ...changed } },
      {
        broken: error => void broken.push(error),
        closed: (code, reason) => void closed.push(`${code} ${reason}`),
        overflowed: () => void self.overflowed++,
      },
      { frame: frame => void got.push(frame), room: () => undefined },
    ),
  }
  self.link.through(inlet)
  return self
}

/** A new socket between two links; what each side has received is read as HELLO and WELCOME would carry it. */
function connect(client: Side, server: Side): void {
  const [a, b] = pipe(clock)
  const clientReceived = client.link.received
  expect(server.link.resumable(clientReceived)).toBe(true)
  server.link.attach(b, clientReceived)
  client.link.attach(a, server.link.received)
}

function cut(client: Side, server: Side): void {
  client.link.detach()?.abandon()
  server.link.detach()?.abandon()
}

const call = (id: number): Frame => [FrameType.CALL, id, 'a.b', { id }, undefined]
const ids = (frames: readonly Frame[]) => frames.map(frame => frame[1])

describe('a link', () => {
  it('delivers the frames of one tick together, in order', () => {
    const [client, server] = [side('server'), side('client')]
    const sizes: number[] = []
    const [a, b] = pipe(clock)
    const send = (bytes: Uint8Array) => {
      sizes.push(bytes.length)
      a.send(bytes)
    }
    client.link.attach({ ...bind(a), send }, 0)
    server.link.attach(b, 0)
    for (const id of [1, 2, 3]) client.link.send(call(id))
    expect(sizes).toEqual([])
    clock.tick()
    expect(sizes).toHaveLength(1)
    expect(ids(server.got)).toEqual([1, 2, 3])
  })

  it('sends again, after a drop, what the other side has not received, and only that', () => {
    const [client, server] = [side('server'), side('client')]
    connect(client, server)
    client.link.send(call(1))
    clock.tick()
    client.link.send(call(2))
    cut(client, server)
    client.link.send(call(3))
    connect(client, server)
    clock.tick()
    expect(ids(server.got)).toEqual([1, 2, 3])
  })

  it('drops uncounted frames while no socket is there', () => {
    const [client, server] = [side('server'), side('client')]
    client.link.send([FrameType.SUBSCRIBE, 1, 'a.feed', {}, undefined])
    connect(client, server)
    clock.tick()
    expect(server.got).toEqual([])
  })

  it('asks the sender what to send again', () => {
    const [client, server] = [side('server'), side('client')]
    client.link.send(call(1), { again: () => [FrameType.CANCEL, 1] })
    connect(client, server)
    clock.tick()
    expect(server.got).toEqual([[FrameType.CANCEL, 1]])
  })

  it('acknowledges after 64 counted frames, and after a second', () => {
    const [client, server] = [side('server'), side('client')]
    connect(client, server)
    for (let id = 1; id <= 63; id++) client.link.send(call(id))
    clock.tick()
    expect(client.link.keptBytes).toBeGreaterThan(0)
    client.link.send(call(64))
    clock.tick()
    expect(client.link.keptBytes).toBe(0)
    client.link.send(call(65))
    clock.advanceSync(1_200)
    expect(client.link.keptBytes).toBe(0)
  })

  it('acknowledges along with what goes out anyway, 250 ms after the first counted frame', () => {
    const [client, server] = [side('server'), side('client')]
    connect(client, server)
    const ask = (id: number): void => {
      client.link.send(call(id))
      clock.tick()
    }
    const answer = (): void => {
      server.link.send([FrameType.PING])
      clock.tick()
    }
    ask(1)
    clock.advanceSync(249)
    ask(2)
    answer()
    expect(client.link.keptBytes).toBeGreaterThan(0)
    clock.advanceSync(1)
    ask(3)
    expect(client.link.keptBytes).toBeGreaterThan(0)
    answer()
    expect(client.link.keptBytes).toBe(0)
  })

  it('answers PING with PONG and counts any byte as a sign of life', () => {
    const [client, server] = [side('server'), side('client')]
    connect(client, server)
    clock.advanceSync(5_000)
    server.link.send([FrameType.PING])
    clock.tick()
    expect(client.link.heardAt).toBe(5_000)
    expect(server.link.heardAt).toBe(5_000)
    expect(server.got).toEqual([])
  })

  it('drops, uncounted, what still arrives on a socket that was taken away', () => {
    const [client, server] = [side('server'), side('client')]
    connect(client, server)
    client.link.send(call(1))
    client.link.flush()
    server.link.detach()
    clock.tick()
    expect(server.got).toEqual([])
    expect(server.link.received).toBe(0)
  })

  it('keeps what it may keep, and is not resumable once it kept more', () => {
    const one = side('server').link.send(call(1))
    const client = side('server', { replayBytes: (one + KEPT_OVERHEAD) * 2 })
    const server = side('client')
    connect(client, server)
    client.link.send(call(1))
    client.link.send(call(2))
    expect(client.link.resumable(0)).toBe(true)
    client.link.send(call(3))
    expect(client.link.resumable(0)).toBe(false)
    expect(client.overflowed).toBe(0)
    clock.advanceSync(1_200)
    expect(client.link.resumable(3)).toBe(true)
    cut(client, server)
    for (const id of [4, 5, 6]) client.link.send(call(id))
    expect(client.overflowed).toBe(1)
  })

  it.each([
    [-1, false],
    [0, true],
    [1, true],
  ])('keeps as many bytes as it may, and not one more: with %i of room it is resumable: %s', (room, resumable) => {
    const one = side('server').link.send(call(1)) + KEPT_OVERHEAD
    const client = side('server', { replayBytes: 2 * one + room })
    connect(client, side('client'))
    client.link.send(call(1))
    client.link.send(call(2))
    expect(client.link.resumable(0)).toBe(resumable)
  })

  it('refuses a frame over the limit before it is counted', () => {
    const client = side('server', { sendBytes: 100 })
    expect(() => client.link.send([FrameType.CALL, 1, 'a.b', 'x'.repeat(100), undefined])).toThrow(
      /over the limit of 100/,
    )
    expect(client.link.keptBytes).toBe(0)
  })

  it.each([
    ['more than was sent', [FrameType.ACK, 1] as Frame],
    ['a frame of the wrong direction', [FrameType.WELCOME, {}] as unknown as Frame],
  ])('tells its owner about %s', (_, frame) => {
    const [client, server] = [side('server'), side('client')]
    connect(client, server)
    client.link.send(frame)
    clock.tick()
    expect(server.broken.map(error => error.code)).toEqual([4500])
  })

  it('holds what arrives while it is paused, and reads it in order afterwards', () => {
    const [client, server] = [side('server'), side('client')]
    connect(client, server)
    server.inlet.pause()
    client.link.send(call(1))
    clock.tick()
    client.link.send(call(2))
    clock.tick()
    expect(server.got).toEqual([])
    server.inlet.resume()
    clock.tick()
    expect(ids(server.got)).toEqual([1, 2])
  })

  it('gives up on a socket that cannot pause and goes on sending', () => {
    const [client, server] = [side('server'), side('client')]
    const [a, b] = pipe(clock)
    const { pause: _, resume: __, ...deaf } = bind(b)
    server.link.attach(deaf, 0)
    client.link.attach(a, 0)
    server.inlet.pause()
    client.link.send([FrameType.CALL, 1, 'a.b', 'x'.repeat(200_000), undefined])
    clock.tick()
    expect(server.broken).toEqual([])
    client.link.send([FrameType.CALL, 2, 'a.b', 'x'.repeat(100_000), undefined])
    clock.tick()
    expect(server.broken.map(error => error.code)).toEqual([4029])
  })

  it('delivers every counted frame once and in order, wherever and however often the line is cut', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.constant('client' as const) },
      { weight: 4, arbitrary: fc.constant('server' as const) },
      { weight: 3, arbitrary: fc.constant('deliver' as const) },
      { weight: 2, arbitrary: fc.constant('cut' as const) },
      { weight: 1, arbitrary: fc.constant('wait' as const) },
    )
    await fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.nat(3)), { maxLength: 200, size: 'max' }), steps => {
        clock = new VirtualClock()
        deadlines = new Deadlines(clock, 100)
        const [client, server] = [side('server'), side('client')]
        connect(client, server)
        let calls = 0
        let ends = 0
        for (const [kind, count] of steps) {
          if (kind === 'client') for (let i = 0; i < count; i++) client.link.send(call(++calls))
          if (kind === 'server') for (let i = 0; i < count; i++) server.link.send([FrameType.END, ++ends])
          if (kind === 'deliver') clock.tick(count + 1)
          if (kind === 'wait') clock.advanceSync(count * 500)
          if (kind === 'cut') {
            cut(client, server)
            connect(client, server)
          }
        }
        clock.tick()
        expect(ids(server.got)).toEqual(Array.from({ length: calls }, (_, i) => i + 1))
        expect(ids(client.got)).toEqual(Array.from({ length: ends }, (_, i) => i + 1))
        expect([...client.broken, ...server.broken]).toEqual([])
        client.link.close()
        server.link.close()
        deadlines.clear()
      }),
      { numRuns: 500, seed: 1 },
    )
  })
})

/** A pipe's end as a plain object, so that a test can replace a method. */
function bind(socket: ReturnType<typeof pipe>[0]) {
  return {
    get bufferedAmount() {
      return socket.bufferedAmount
    },
    send: socket.send.bind(socket),
    close: socket.close.bind(socket),
    abandon: socket.abandon.bind(socket),
    pause: () => socket.pause?.(),
    resume: () => socket.resume?.(),
    listen: socket.listen.bind(socket),
  }
}
