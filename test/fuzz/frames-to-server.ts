import { contract, procedure, stream, topic } from '@tautline/core'
import { encodeFrame, type Frame, FrameType, pipe } from '@tautline/core/wire'
import { serve } from '@tautline/server'
import { VirtualClock } from '@tautline/testing'
import * as z from 'zod'
import { randomMessage, sampleFrame } from '../../packages/core/test/fuzz/messages.ts'
import { HandClient } from '../../packages/server/test/support/hand-client.ts'
import type { FuzzTarget, Random } from './target.ts'

const desk = contract({
  echo: procedure({ input: z.string(), output: z.string() }),
  post: procedure({ input: z.object({ text: z.string() }), output: z.number() }),
  count: stream({ input: z.number(), down: z.number() }),
  sum: stream({ up: z.number(), result: z.number() }),
  feed: topic({
    params: z.object({ room: z.string() }),
    message: z.string(),
    publish: z.string(),
    presence: z.object({ name: z.string() }),
    retain: { count: 10 },
  }),
})

/** Above all ids that a random frame has. */
const LAST_ID = 2 ** 50

const JUNK = [null, true, -1, 0, 1, 1.5, 2 ** 31, '', 'x', 'feed', [], {}, { room: 'a' }, Uint8Array.of(1)] as const

/** A frame as a client of the desk would send it, but for one slot. */
function almost(random: Random, id: number): Uint8Array {
  const frames: [unknown[], ...unknown[][]] = [
    [FrameType.CALL, id, 'echo', 'hi', { timeoutMs: 1_000 }],
    [FrameType.CALL, id, 'post', { text: 'hi' }, { key: 'k' }],
    [FrameType.CALL, id, 'count', 5, { window: 1_000 }],
    [FrameType.CALL, id, 'sum', null, {}],
    [FrameType.ITEM, random.int(id + 1), 5],
    [FrameType.END, random.int(id + 1)],
    [FrameType.FAIL, random.int(id + 1), { code: 'X', message: 'x' }],
    [FrameType.CANCEL, random.int(id + 1)],
    [FrameType.CREDIT, random.int(id + 1), 1_000],
    [FrameType.SUBSCRIBE, id, random.pick(['feed', 'feed@presence']), { room: 'a' }, { rewind: 3 }],
    [FrameType.SUBSCRIBE, id, 'feed', { room: 'a' }, { since: ['x', 3] }],
    [FrameType.UNSUBSCRIBE, random.int(id + 1)],
    [FrameType.PUBLISH, id, 'feed', { room: 'a' }, 'hi', { key: 'p' }],
    [FrameType.TOKEN, random.pick(['ada', 'bob'])],
    [FrameType.ACK, random.int(20)],
    [FrameType.PING],
  ]
  const frame = random.pick(frames)
  if (random.once(2)) frame[1 + random.int(frame.length)] = random.pick(JUNK)
  return encodeFrame(frame as unknown as Frame)
}

/** Frames of a client that breaks the rules here and there, over a pipe in virtual time. */
export const framesToServer: FuzzTarget = {
  name: 'frames to a server',
  async begin() {
    const clock = new VirtualClock()
    const incidents: unknown[] = []
    const server = await serve(
      desk,
      {
        clock,
        authenticate: ({ token }) => ({ context: undefined, identity: token === 'bob' ? 'bob' : 'ada' }),
        onError: error => incidents.push(error),
        limits: { resumeMs: 1_000, sessionsPerIdentity: 1_000 },
      },
      {
        echo: text => text,
        post: ({ text }) => text.length,
        async *count(from) {
          for (let n = 0; n < 3; n++) yield from + n
        },
        async sum(_, { up }) {
          let sum = 0
          for await (const n of up) sum += n
          return sum
        },
        feed: { subscribe: () => undefined, publish: (_, text) => text, presence: () => ({ name: 'ada' }) },
      },
    )
    const dial = (): HandClient => {
      const [near, far] = pipe(clock)
      server.accept(far)
      return new HandClient(near)
    }
    return {
      async play(random) {
        let client = dial()
        const clients = [client]
        client.hello({ token: 'ada' })
        await clock.settle()
        for (let left = 1 + random.int(12), id = 1; left > 0; left--, id++) {
          if (random.once(12)) client.sendBytes(randomMessage(random))
          else if (random.once(8)) client.sendBytes(Uint8Array.from(sampleFrame(random)))
          else client.sendBytes(almost(random, id))
          if (random.once(3)) await clock.settle()
          if (random.once(20) && client.welcome) {
            const session = [client.welcome.session, random.int(4), random.int(3)] as const
            client = dial()
            clients.push(client)
            client.hello({ token: 'ada', session })
          }
        }
        if (random.once(4)) await clock.advance(random.int(500))
        client.call(LAST_ID, 'echo', 'still here')
        await clock.settle()
        if (!client.closed && !client.outcome(LAST_ID)) throw new Error('neither closed nor answered')
        if (incidents.length > 0) throw new Error('an incident', { cause: incidents[0] })
        for (const each of clients) each.cut()
        await clock.advance(2_500)
        const { sessions, inFlight, subscriptions } = server.stats()
        const left = sessions.attached + sessions.detached + sessions.unauthenticated + inFlight + subscriptions
        if (left > 0) throw new Error(`left over: ${JSON.stringify(server.stats())}`)
      },
      async end() {
        const closed = server.close({ withinMs: 0 })
        await clock.settle()
        await closed
        if (clock.pending > 0) throw new Error(`${clock.pending} timers are left`)
      },
    }
  },
}
