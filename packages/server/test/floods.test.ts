import { contract, procedure, topic } from '@tautline/core'
import { encodeFrame, type Frame, FrameType, pipe } from '@tautline/core/wire'
import { afterEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { VirtualClock } from '../../testing/src/clock.ts'
import { anyone } from '../src/handlers.ts'
import type { ServeOptions } from '../src/options.ts'
import { serve } from '../src/serve.ts'
import { HandClient } from './support/hand-client.ts'
import { Serving } from './support/serving.ts'

let serving: Serving

async function join(options?: Partial<ServeOptions<unknown>>): Promise<HandClient> {
  serving = await Serving.start(options)
  return serving.join()
}

afterEach(async () => {
  expect(await serving.end()).toBe(0)
})

/** What a call says once everything before it has been read. */
async function answered(client: HandClient, id: number): Promise<boolean> {
  client.call(id, 'echo', 'x')
  await serving.clock.settle()
  return client.outcome(id) !== undefined
}

it('a message that is too large is not read, whatever brought it: 1009', async () => {
  const client = await join({ limits: { messageBytes: 1_000 } })
  const rest = encodeFrame([FrameType.CALL, 1, 'echo', '', undefined]).length + 2
  client.call(1, 'echo', 'x'.repeat(1_000 - rest))
  await serving.clock.settle()
  expect(client.outcome(1)?.[0]).toBe(FrameType.END)
  client.call(2, 'echo', 'x'.repeat(1_001 - rest))
  await serving.clock.settle()
  expect(client.closed?.code).toBe(1009)
})

describe('frames that ask for no work', () => {
  it.each<[string, Uint8Array]>([
    ['PONG', encodeFrame([FrameType.PONG])],
    ['ACK', encodeFrame([FrameType.ACK, 0])],
    ['CANCEL', encodeFrame([FrameType.CANCEL, 1])],
    ['of a type that nobody knows', Uint8Array.of(0x91, 0x1f)],
  ])('%s: ten count as one, so that a flood of them is not read either', async (_, frame) => {
    const client = await join({ limits: { rate: 10, burst: 10 } })
    for (let n = 0; n < 90; n++) client.sendBytes(frame)
    expect(await answered(client, 2)).toBe(true)
    for (let n = 0; n < 200; n++) client.sendBytes(frame)
    expect(await answered(client, 3)).toBe(false)
    await serving.clock.advance(3_000)
    expect(client.outcome(3)).toBeDefined()
    expect(client.closed).toBeUndefined()
  })

  it('PING: each is answered, and so it counts in full', async () => {
    const client = await join({ limits: { rate: 10, burst: 10 } })
    for (let n = 0; n < 9; n++) client.send([FrameType.PING])
    expect(await answered(client, 1)).toBe(true)
    expect(client.all(FrameType.PONG)).toHaveLength(9)
    for (let n = 0; n < 100; n++) client.send([FrameType.PING])
    expect(await answered(client, 2)).toBe(false)
    expect(client.all(FrameType.PONG).length).toBeLessThan(12)
    await serving.clock.advance(11_000)
    expect(client.outcome(2)).toBeDefined()
  })

  it('a message of many frames is read no faster than many messages: in its middle others have their turn', async () => {
    const client = await join({ limits: { rate: 100, burst: 100 } })
    const other = await serving.join({ token: 'bob' })
    client.send(
      ...Array<Frame>(600).fill([FrameType.PING]),
      [FrameType.CALL, 1, 'echo', 'x', undefined],
      ...Array<Frame>(99).fill([FrameType.PING]),
    )
    client.call(2, 'echo', 'y')
    expect(await answered(other, 1)).toBe(true)
    expect(client.all(FrameType.PONG).length).toBe(101)
    await serving.clock.advance(2_000)
    expect(client.all(FrameType.PONG).length).toBeGreaterThan(250)
    expect(client.all(FrameType.PONG).length).toBeLessThan(350)
    await serving.clock.advance(2_500)
    expect(client.outcome(1)).toBeUndefined()
    await serving.clock.advance(1_000)
    expect(client.outcome(1)).toBeDefined()
    expect(client.outcome(2)).toBeUndefined()
    await serving.clock.advance(2_000)
    expect(client.outcome(2)).toBeDefined()
    expect(client.all(FrameType.PONG)).toHaveLength(699)
    expect(client.closed).toBeUndefined()
  })

  it('what is left of a message is sent again when its socket goes, and runs once', async () => {
    const ran: string[] = []
    const client = await join({
      limits: { rate: 10, burst: 10 },
      interceptors: [
        (call, next) => {
          ran.push(call.entry.path)
          return next()
        },
      ],
    })
    const calls = Array.from({ length: 30 }, (_, n): Frame => [FrameType.CALL, n + 1, 'echo', `${n}`, undefined])
    client.send(...calls)
    await serving.clock.settle()
    expect(ran).toHaveLength(11)
    client.cut()
    await serving.clock.settle()
    await serving.clock.advance(500)
    const back = await serving.back(client)
    const { received = 0 } = back.welcome ?? {}
    expect(received).toBe(ran.length)
    expect(received).toBeLessThan(20)
    back.send(...calls.slice(received))
    await serving.clock.advance(5_000)
    expect(ran).toHaveLength(30)
    expect(back.all(FrameType.END).length + client.all(FrameType.END).length).toBeGreaterThanOrEqual(30)
  })

  it('TOKEN: each counts as much as the subscriptions that are asked about again because of it', async () => {
    let asked = 0
    const client = await join({
      authenticate: ({ token }) => ({ context: token, identity: 'ada' }),
      interceptors: [
        (call, next) => {
          if (call.action === 'subscribe') asked += 1
          return next()
        },
      ],
      limits: { rate: 50, burst: 100 },
    })
    for (let id = 1; id <= 49; id++) client.send([FrameType.SUBSCRIBE, id, 'news', { desk: `${id}` }, undefined])
    await serving.clock.settle()
    expect(asked).toBe(49)
    const frames: Frame[] = [[FrameType.TOKEN, 'next']]
    for (let n = 0; n < 20; n++) {
      client.send(...frames)
      await serving.clock.settle()
    }
    expect(asked).toBeLessThanOrEqual(3 * 49)
    await serving.clock.advance(1_000)
    expect(asked).toBeLessThanOrEqual(4 * 49)
  })
})

describe('subscribing and unsubscribing', () => {
  const slow = contract({
    ping: procedure({ output: z.string() }),
    feed: topic({ params: z.object({ room: z.number() }), message: z.string() }),
  })

  it('without end never has more handlers at work than twice the subscriptions that a session may have', async () => {
    const clock = new VirtualClock()
    const running: (() => void)[] = []
    const server = await serve(
      slow,
      { clock, authenticate: anyone, limits: { subscriptions: 4 } },
      { ping: () => 'pong', feed: { subscribe: () => new Promise<void>(resolve => running.push(resolve)) } },
    )
    const [near, far] = pipe(clock)
    server.accept(far)
    const client = new HandClient(near)
    client.hello()
    await clock.settle()
    for (let id = 1; id <= 100; id++) {
      client.send([FrameType.SUBSCRIBE, id, 'feed', { room: id }, undefined], [FrameType.UNSUBSCRIBE, id])
      await clock.settle()
    }
    expect(running).toHaveLength(8)
    const refused = client.all(FrameType.SUBSCRIBED)
    expect(refused).toHaveLength(92)
    for (const [, , fields] of refused) expect(fields).toMatchObject({ error: { code: 'RESOURCE_EXHAUSTED' } })
    client.send([FrameType.SUBSCRIBE, 101, 'feed', { room: 1 }, undefined])
    await clock.settle()
    expect(client.all(FrameType.SUBSCRIBED).at(-1)?.[2]).toMatchObject({ error: { code: 'RESOURCE_EXHAUSTED' } })
    for (const settle of running.splice(0)) settle()
    await clock.settle()
    client.send([FrameType.SUBSCRIBE, 102, 'feed', { room: 1 }, undefined])
    await clock.settle()
    expect(running).toHaveLength(1)
    const closed = server.close({ withinMs: 0 })
    await clock.settle()
    await closed
    expect(clock.pending).toBe(0)
  })

  it('ten thousand times leaves nothing', async () => {
    const client = await join({ limits: { rate: 1_000_000, burst: 1_000_000 } })
    for (let id = 1; id <= 10_000; id++) {
      client.send(
        [FrameType.SUBSCRIBE, id, 'news', { desk: `${id % 5_000}` }, undefined],
        ...(id > 100 ? ([[FrameType.UNSUBSCRIBE, id - 100]] as const) : []),
      )
      if (id % 100 === 0) await serving.clock.settle()
    }
    expect(client.all(FrameType.SUBSCRIBED)).toHaveLength(10_000)
    expect(serving.server.stats().subscriptions).toBe(100)
  })
})
