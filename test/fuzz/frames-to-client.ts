import { connect } from '@tautline/client'
import { contract, procedure, stream, topic } from '@tautline/core'
import { encodeFrame, type Frame, FrameType, pipe, type Socket } from '@tautline/core/wire'
import { VirtualClock } from '@tautline/testing'
import * as z from 'zod'
import { randomMessage, sampleFrame } from '../../packages/core/test/fuzz/messages.ts'
import { welcome } from '../../packages/core/test/wire/samples.ts'
import type { FuzzTarget, Random } from './target.ts'

const desk = contract({
  ask: procedure({ input: z.string(), output: z.string(), errors: { NO: z.object({ why: z.string() }) } }),
  count: stream({ input: z.number(), down: z.number(), result: z.number() }),
  feed: topic({ params: z.object({ room: z.string() }), message: z.string(), retain: { count: 10 } }),
  places: topic({
    params: z.object({}),
    message: z.string(),
    retain: { latestBy: (text: string) => text, seconds: 9 },
  }),
})

const JUNK = [null, true, -1, 0, 1, 1.5, 2 ** 31, '', 'x', 'feed', [], {}, { code: 1 }, Uint8Array.of(1)] as const

/** A frame as a server of the desk would send it, but for one slot. */
function almost(random: Random, channel: string): Uint8Array {
  const id = 1 + random.int(3)
  const frames: [unknown[], ...unknown[][]] = [
    [FrameType.END, id, random.pick<string | number | null>(['yes', 5, null])],
    [FrameType.FAIL, id, { code: random.pick(['NO', 'INTERNAL', 'X']), message: '', data: { why: 'so' } }],
    [FrameType.ITEM, id, random.int(9)],
    [FrameType.CREDIT, id, 100],
    [
      FrameType.SUBSCRIBED,
      id,
      { channel, epoch: 'e', offset: random.int(3), head: random.int(5), gap: random.once(3) },
    ],
    [FrameType.SUBSCRIBED, id, { error: { code: 'PERMISSION_DENIED', message: 'no' } }],
    [FrameType.MESSAGE, channel, random.int(9), 'hello', random.pick([undefined, 'key'])],
    [FrameType.RETRACT, channel, random.int(9), 'key'],
    [FrameType.GAP, channel, random.pick(['e', 'f']), random.int(9)],
    [FrameType.UNSUBSCRIBE, id, { code: 'PERMISSION_DENIED', message: 'no' }],
    [FrameType.TOKEN],
    [FrameType.ACK, random.int(5)],
    [FrameType.DRAIN, { inMs: random.int(100), graceMs: random.int(100) }],
    [FrameType.PING],
  ]
  const frame = random.pick(frames)
  if (random.once(2)) frame[1 + random.int(frame.length)] = random.pick(JUNK)
  return encodeFrame(frame as unknown as Frame)
}

/** A server that breaks the rules here and there, and a client that must neither throw, nor hang, nor keep anything. */
export const framesToClient: FuzzTarget = {
  name: 'frames to a client',
  async begin() {
    return {
      async play(random) {
        const clock = new VirtualClock()
        const errors: unknown[] = []
        const dialled = (): Socket => {
          const [near, far] = pipe(clock)
          far.listen({
            message: () => void (random.once(4) && far.send(almost(random, 'feed.x'))),
            drain: () => undefined,
            close: () => undefined,
          })
          const resumed = random.once(4)
          if (!random.once(6)) far.send(encodeFrame([FrameType.WELCOME, { ...welcome, resumed }]))
          for (let left = random.int(8); left > 0; left--) {
            if (random.once(10)) far.send(randomMessage(random))
            else if (random.once(6)) far.send(Uint8Array.from(sampleFrame(random)))
            else far.send(almost(random, random.pick(['feed.x', 'places.x'])))
          }
          const code = random.pick([1000, 1006, 1009, 4001, 4100, 4500, 4590, 4999])
          random.pick([() => far.close(code, 'retry-after=5'), () => far.abandon(), () => {}, () => {}, () => {}])()
          return near
        }
        const { api, connection } = connect(desk, {
          url: 'ws://server',
          clock,
          socket: dialled,
          token: () => 'me',
          random: () => random.int(1_000) / 1_000,
        })
        connection.on('error', error => errors.push(error))
        let settled = 0
        const asked = [api.ask('a'), api.ask('b', { timeout: 500 }), api.count(1, { timeout: 5_000 }).result]
        for (const one of asked)
          void one.then(
            () => settled++,
            () => settled++,
          )
        api.feed({ room: 'a' }).subscribe(() => undefined, { rewind: 3, onError: () => undefined })
        api.places({}).subscribe(() => undefined, { onGap: () => undefined, onRetract: () => undefined })
        await clock.advance(200)
        await clock.advance(31_000)
        if (settled < asked.length) throw new Error(`${asked.length - settled} calls have not settled in time`)
        connection.close()
        await clock.settle()
        if (clock.pending > 0) throw new Error(`${clock.pending} timers are left`)
      },
      async end() {},
    }
  },
}
