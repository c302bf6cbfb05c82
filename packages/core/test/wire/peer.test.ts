import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { VirtualClock } from '../../../testing/src/clock.ts'
import { TautlineError } from '../../src/errors.ts'
import { Deadlines } from '../../src/wire/deadlines.ts'
import type { Exchange, Outcome } from '../../src/wire/exchange.ts'
import { type Call, type Frame, FrameType, type ProtocolError, type Publish } from '../../src/wire/frames.ts'
import { parseFromClient, parseFromServer } from '../../src/wire/parse.ts'
import { Peer } from '../../src/wire/peer.ts'
import { pipe } from '../../src/wire/pipe.ts'
import { SCAN_LIMITS } from '../../src/wire/scan.ts'

const limits = {
  sendBytes: 1_048_576,
  receiveBytes: 1_048_576,
  replayBytes: 1_048_576,
  itemWaterBytes: 262_144,
  scan: SCAN_LIMITS,
}

type End = {
  readonly peer: Peer
  readonly opened: { exchange: Exchange; frame: Call | Publish }[]
  readonly frames: Frame[]
  readonly broken: ProtocolError[]
}

let clock: VirtualClock
let deadlines: Deadlines
let client: End
let server: End

function end(role: 'client' | 'server', window: number): End {
  const opened: End['opened'] = []
  const frames: Frame[] = []
  const broken: ProtocolError[] = []
  const parse = role === 'client' ? parseFromServer : parseFromClient
  const peer = new Peer(
    { parse, clock, deadlines, limits, window },
    {
      opened: (exchange, frame) => {
        void exchange.items
        opened.push({ exchange, frame })
      },
      frame: frame => void frames.push(frame),
      broken: error => void broken.push(error),
      closed: () => undefined,
      overflowed: () => undefined,
    },
  )
  return { peer, opened, frames, broken }
}

function start(window = 1_000): void {
  clock = new VirtualClock()
  deadlines = new Deadlines(clock, 100)
  client = end('client', window)
  server = end('server', window)
  connect()
}

function connect(): void {
  const [a, b] = pipe(clock)
  client.peer.link.detach()?.abandon()
  server.peer.link.detach()?.abandon()
  server.peer.link.attach(b, client.peer.link.received)
  client.peer.link.attach(a, server.peer.link.received)
}

/** Opens a call on the client and returns both of its ends. */
async function open(window = 1_000): Promise<{ caller: Exchange; callee: Exchange; outcomes: Outcome[] }> {
  const caller = client.peer.open({ window, frame: id => [FrameType.CALL, id, 'a.b', undefined, { window }] })
  const outcomes: Outcome[] = []
  caller.owner = { ended: outcome => void outcomes.push(outcome) }
  void caller.items
  await clock.settle()
  const callee = server.opened.at(-1)?.exchange
  if (!callee) throw new Error('the call did not arrive')
  return { caller, callee, outcomes }
}

beforeEach(() => start())

afterEach(() => {
  client.peer.lose(new TautlineError('UNAVAILABLE'))
  server.peer.lose(new TautlineError('UNAVAILABLE'))
  expect(client.peer.exchanges).toBe(0)
  expect(server.peer.exchanges).toBe(0)
  deadlines.clear()
  expect(clock.pending).toBe(0)
})

describe('a peer', () => {
  it('brings an answer back to the exchange that asked', async () => {
    const first = await open()
    const second = await open()
    second.callee.end('second')
    first.callee.end('first')
    await clock.settle()
    expect(first.outcomes).toEqual([{ kind: 'end', value: 'first' }])
    expect(second.outcomes).toEqual([{ kind: 'end', value: 'second' }])
    expect(client.peer.exchanges + server.peer.exchanges).toBe(0)
  })

  it('brings a failure back with its code', async () => {
    const { callee, outcomes } = await open()
    callee.fail(new TautlineError('NOT_FOUND', 'no such room'))
    await clock.settle()
    expect(outcomes).toMatchObject([{ kind: 'fail', error: { code: 'NOT_FOUND', message: 'no such room' } }])
  })

  it('ends an exchange once, whatever comes after', async () => {
    const { caller, callee, outcomes } = await open()
    callee.end(1)
    callee.end(2)
    callee.fail(new TautlineError('INTERNAL'))
    await clock.settle()
    caller.cancel()
    expect(outcomes).toEqual([{ kind: 'end', value: 1 }])
  })

  it('ignores an answer that crosses a cancellation', async () => {
    const { caller, callee, outcomes } = await open()
    caller.cancel()
    callee.end('too late')
    await clock.settle()
    expect(outcomes).toEqual([])
    expect(client.broken).toEqual([])
    expect(server.broken).toEqual([])
  })

  it('refuses an id that was used before, and a frame for one that never was', async () => {
    await open()
    client.peer.link.send([FrameType.CALL, 1, 'a.b'])
    await clock.settle()
    client.peer.link.send([FrameType.ITEM, 99, null])
    await clock.settle()
    expect(server.broken).toHaveLength(2)
  })

  it('takes the cancellation of a call that never arrived, and ignores what follows it', async () => {
    client.peer.link.send([FrameType.CANCEL, 7])
    client.peer.link.send([FrameType.ITEM, 7, null])
    await clock.settle()
    expect(server.broken).toEqual([])
  })

  it('answers a cancellation once: as whoever is told answers, else with CANCELLED', async () => {
    for (const answer of [undefined, new TautlineError('CANCELLED', 'as you wish', { mayHaveRun: true })]) {
      const { caller, callee } = await open()
      const sent = vi.spyOn(server.peer, 'send')
      const told: Outcome[] = []
      callee.owner = {
        ended(outcome) {
          told.push(outcome)
          if (answer) callee.fail(answer)
        },
      }
      const items = callee.items.next()
      caller.cancel()
      await expect(items).rejects.toMatchObject({ code: 'CANCELLED' })
      callee.end('too late')
      expect(told).toEqual([{ kind: 'cancel' }])
      expect(sent.mock.calls.map(([frame]) => frame)).toEqual([
        [
          FrameType.FAIL,
          callee.id,
          { code: 'CANCELLED', ...(answer ? { mayHaveRun: true } : {}), message: expect.anything() },
        ],
      ])
      sent.mockRestore()
    }
  })

  it('resends a call whose caller is gone as its cancellation', async () => {
    client.peer.link.detach()?.abandon()
    const caller = client.peer.open({ window: 1, frame: id => [FrameType.CALL, id, 'a.b'] })
    caller.cancel()
    connect()
    await clock.settle()
    expect(server.opened).toEqual([])
    expect(server.broken).toEqual([])
  })

  it('fails every exchange when the session is lost, and whoever reads its items', async () => {
    const { caller, outcomes } = await open()
    const next = caller.items.next()
    client.peer.lose(new TautlineError('UNAVAILABLE', 'gone', { mayHaveRun: true }))
    expect(outcomes).toMatchObject([{ kind: 'fail', error: { code: 'UNAVAILABLE', mayHaveRun: true } }])
    await expect(next).rejects.toThrow('gone')
  })

  it('refuses an item that comes without credit', async () => {
    await open(10)
    for (let i = 0; i < 2; i++) server.peer.link.send([FrameType.ITEM, 1, 'more than ten bytes'])
    await clock.settle()
    expect(client.broken.map(error => error.code)).toEqual([4500])
  })
})

describe('a source that is pumped', () => {
  async function* count(to: number, seen: { produced: number; returned: boolean }) {
    try {
      for (let i = 0; i < to; i++) {
        seen.produced += 1
        yield i
      }
      return 'all'
    } finally {
      seen.returned = true
    }
  }

  it('is pulled little further than one window, however slow the reader', async () => {
    const { caller, callee } = await open(1_000)
    const seen = { produced: 0, returned: false }
    const pumping = callee.pump(count(1_000_000, seen))
    const read: unknown[] = []
    for (let i = 0; i < 10; i++) read.push((await caller.items.next()).value)
    await clock.settle()
    expect(read).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(seen.produced).toBeLessThan(400)
    caller.cancel()
    await clock.settle()
    expect(await pumping).toBeUndefined()
    expect(seen.returned).toBe(true)
  })

  it('waits while more than half of what may be kept is kept, and goes on after the next socket', async () => {
    const { caller, callee } = await open(1_000_000)
    client.peer.link.detach()?.abandon()
    await clock.settle()
    const seen = { produced: 0, returned: false }
    async function* chunks() {
      for (let i = 0; i < 100; i++) {
        seen.produced += 1
        yield new Uint8Array(50_000)
      }
    }
    const pumping = callee.pump(chunks())
    await clock.settle()
    expect(seen.produced).toBe(11)
    connect()
    let got = 0
    void (async () => {
      for await (const _ of caller.items) got += 1
    })()
    expect(await pumping).toBeUndefined()
    callee.end()
    await clock.settle()
    expect(got).toBe(100)
  })

  it('is left when the other side leaves, also while it waits for room, however often credit comes', async () => {
    const { caller, callee } = await open(1_000_000)
    const source = { next: vi.fn(), return: vi.fn() }
    const mayItem = vi.spyOn(server.peer.link, 'mayItem', 'get').mockReturnValue(false)
    const pumping = callee.pump(source)
    for (let i = 0; i < 10; i++) callee.receive([FrameType.CREDIT, callee.id, 1], 4)
    await clock.settle()
    caller.cancel()
    expect(await pumping).toBeUndefined()
    expect(source.next).not.toHaveBeenCalled()
    expect(source.return).toHaveBeenCalledOnce()
    mayItem.mockRestore()
  })

  it('passes on what the source throws, and lets it clean up when the other side leaves', async () => {
    const { callee } = await open()
    async function* bad() {
      yield 1
      throw new Error('out of rows')
    }
    await expect(callee.pump(bad())).rejects.toThrow('out of rows')
  })

  it('never stops for good, and never exceeds its credit by more than one item, whatever the interleaving', async () => {
    const model = fc.record({
      window: fc.integer({ min: 1, max: 400 }),
      sizes: fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 60, size: 'max' }),
      cuts: fc.array(fc.boolean(), { maxLength: 30, size: 'max' }),
    })
    await fc.assert(
      fc.asyncProperty(model, async ({ window, sizes, cuts }) => {
        start(window)
        const { caller, callee } = await open(window)
        let unread = 0
        let most = 0
        async function* items() {
          for (const size of sizes) {
            unread += 1
            most = Math.max(most, unread)
            yield new Uint8Array(size)
          }
          return sizes.length
        }
        const pumping = callee.pump(items()).then(result => callee.end(result))
        const got: number[] = []
        const reading = (async () => {
          for await (const item of caller.items) {
            unread -= 1
            got.push((item as Uint8Array).length)
            if (cuts.shift()) connect()
          }
        })()
        await clock.settle()
        await Promise.all([pumping, reading])
        expect(got).toEqual(sizes)
        expect([...client.broken, ...server.broken]).toEqual([])
        expect(most * 4).toBeLessThanOrEqual(window + 4 * 300 + 8)
        client.peer.lose(new TautlineError('UNAVAILABLE'))
        server.peer.lose(new TautlineError('UNAVAILABLE'))
        deadlines.clear()
      }),
      { numRuns: 200, seed: 1 },
    )
  })
})
