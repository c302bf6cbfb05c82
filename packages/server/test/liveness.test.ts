import { type Frame, FrameType, pipe, type Socket } from '@tautline/core/wire'
import { afterEach, describe, expect, it } from 'vitest'
import type { ServeOptions } from '../src/options.ts'
import { HandClient } from './support/hand-client.ts'
import { Serving } from './support/serving.ts'

let serving: Serving

async function start(options?: Partial<ServeOptions<unknown>>): Promise<Serving> {
  serving = await Serving.start(options)
  return serving
}

afterEach(async () => {
  expect(await serving.end()).toBe(0)
  expect(serving.server.stats().sessions).toEqual({ attached: 0, detached: 0, unauthenticated: 0 })
})

describe('a client that is silent', () => {
  it('is asked after 25 s, and given up 10 s later; its session waits', async () => {
    await start()
    const client = await serving.join()
    await serving.clock.advance(24_000)
    expect(client.all(FrameType.PING)).toHaveLength(0)
    await serving.clock.advance(2_000)
    expect(client.all(FrameType.PING)).toHaveLength(1)
    await serving.clock.advance(8_000)
    expect(client.closed).toBeUndefined()
    await serving.clock.advance(3_000)
    expect(client.closed?.code).toBe(4003)
    expect(serving.server.stats().sessions).toMatchObject({ attached: 0, detached: 1 })
  })

  it('and answers stays, for as long as it likes', async () => {
    await start()
    const client = await serving.join()
    for (let n = 0; n < 20; n++) {
      await serving.clock.advance(27_000)
      client.send([FrameType.PONG])
    }
    expect(client.closed).toBeUndefined()
  })

  it('is not blamed when it was the server that slept', async () => {
    await start()
    const client = await serving.join()
    await serving.clock.advance(24_500)
    const { clock } = serving
    const now = clock.now.bind(clock)
    clock.now = () => now() + 60_000
    await clock.advance(2_000)
    expect(client.closed).toBeUndefined()
    await clock.advance(24_000)
    expect(client.closed).toBeUndefined()
    await clock.advance(14_000)
    expect(client.closed?.code).toBe(4003)
  })
})

describe('a client that does not read', () => {
  const big = 'x'.repeat(100_000)

  it('is given no new work above high water, and 4002 after 10 s without progress', async () => {
    await start({ limits: { highWaterBytes: 400_000, lowWaterBytes: 100_000 } })
    const client = await serving.join()
    client.stall()
    for (let id = 1; id <= 10; id++) {
      client.call(id, 'echo', big)
      await serving.clock.settle()
    }
    expect(serving.server.stats().calls).toEqual({ echo: { OK: 4 } })
    await serving.clock.advance(9_000)
    expect(serving.server.stats().sessions.attached).toBe(1)
    await serving.clock.advance(3_000)
    expect(serving.server.stats().sessions).toMatchObject({ attached: 0, detached: 1 })
  })
})

describe('a client that is too fast', () => {
  it('is read no faster than its rate, and loses nothing', async () => {
    await start({ limits: { rate: 10, burst: 20 } })
    const client = await serving.join()
    for (let id = 1; id <= 100; id++) {
      client.call(id, 'echo', 'x')
      await serving.clock.settle()
    }
    const answered = () => client.all(FrameType.END).length
    expect(answered()).toBe(21)
    await serving.clock.advance(1_000)
    expect(answered()).toBeGreaterThanOrEqual(28)
    expect(answered()).toBeLessThanOrEqual(32)
    await serving.clock.advance(8_000)
    expect(answered()).toBe(100)
    expect(client.closed).toBeUndefined()
  })

  it('hears every second that the server is there, while it is not read itself', async () => {
    await start({ limits: { rate: 1, burst: 1 } })
    const client = await serving.join()
    client.send(...Array<Frame>(31).fill([FrameType.PONG]), ...Array<Frame>(28).fill([FrameType.PING]))
    await serving.clock.advance(10_500)
    expect(client.all(FrameType.PING).length).toBeGreaterThanOrEqual(9)
    expect(client.all(FrameType.PING).length).toBeLessThanOrEqual(11)
    await serving.clock.advance(35_000)
    expect(client.closed).toBeUndefined()
  })

  it('but keeps to its rate is never stopped', async () => {
    await start({ limits: { rate: 10, burst: 5 } })
    const client = await serving.join()
    for (let id = 1; id <= 50; id++) {
      client.call(id, 'echo', 'x')
      await serving.clock.advance(100)
      expect(client.outcome(id)).toBeDefined()
    }
  })

  it('may send again what it had sent before a drop', async () => {
    await start({ limits: { rate: 10, burst: 10 } })
    const first = await serving.join()
    for (let id = 1; id <= 10; id++) first.call(id, 'echo', 'x')
    await serving.clock.settle()
    first.cut()
    await serving.clock.advance(5_000)
    const second = await serving.back(first)
    for (let id = 11; id <= 70; id++) second.call(id, 'echo', 'x')
    await serving.clock.settle()
    expect(second.all(FrameType.END).length).toBe(60)
  })

  it('over a socket that cannot pause is held for 256 KiB, then closed with 4029; its session waits', async () => {
    await start({ limits: { rate: 10, burst: 1 } })
    const [near, far] = pipe(serving.clock)
    serving.server.accept(unpausable(far))
    const client = new HandClient(near)
    client.hello({ token: 'ada' })
    await serving.clock.settle()
    for (let id = 1; id <= 3; id++) client.call(id, 'echo', 'x')
    for (let id = 4; id <= 6; id++) client.call(id, 'echo', 'x'.repeat(100_000))
    await serving.clock.settle()
    expect(client.closed?.code).toBe(4029)
    expect(serving.server.stats().sessions).toMatchObject({ attached: 0, detached: 1 })
  })
})

function unpausable(socket: Socket): Socket {
  return {
    get bufferedAmount() {
      return socket.bufferedAmount
    },
    send: message => socket.send(message),
    close: (code, reason) => socket.close(code, reason),
    abandon: () => socket.abandon(),
    listen: events => socket.listen(events),
  }
}
