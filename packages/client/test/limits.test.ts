import { FrameType, type Message } from '@tautline/core/wire'
import { describe, expect, it } from 'vitest'
import { Outbox } from '../src/outbox.ts'
import type { Request } from '../src/request.ts'
import { scene, watch } from './support/client.ts'
import { FakeLine } from './support/fake-line.ts'
import { log } from './support/topics.ts'

const sized = (size: number) => ({ size }) as Request

describe('an outbox', () => {
  it.each([
    [2, true],
    [3, true],
    [4, false],
  ])('for 3 requests takes number %i: %s', (number, taken) => {
    const outbox = new Outbox(3, 1_000)
    for (let n = 1; n < number; n++) outbox.add(sized(1))
    expect(outbox.add(sized(1))).toBe(taken)
  })

  it.each([
    [599, true],
    [600, true],
    [601, false],
  ])('for 1,000 bytes, 400 of which are taken, takes %i more: %s', (bytes, taken) => {
    const outbox = new Outbox(100, 1_000)
    outbox.add(sized(400))
    expect(outbox.add(sized(bytes))).toBe(taken)
  })
})

describe('a loop that does not read', () => {
  const message = (offset: number): Message => [FrameType.MESSAGE, 'lobby', offset, 'text']

  /** What is asked of the server when so many messages have come, one of which was read. */
  async function asked(limits: object, count: number): Promise<readonly unknown[]> {
    const line = new FakeLine({ queueMessages: 1_000, queueBytes: 1_000_000, ...limits })
    line.attach()
    const loop = line.topics.channel(log, 'lobby').messages()[Symbol.asyncIterator]()
    const first = loop.next()
    await line.sent()
    const letIn = { channel: 'lobby', epoch: 'e', offset: 0, head: 0, gap: false }
    line.receive([FrameType.SUBSCRIBED, 1, letIn], ...Array.from({ length: count }, (_, n) => message(n + 1)))
    await first
    return line.sent()
  }

  it.each([
    [9, []],
    [10, []],
    [11, [[FrameType.UNSUBSCRIBE, 1]]],
  ])('has %i messages wait where 10 may: %j', async (waiting, frames) => {
    expect(await asked({ queueMessages: 10 }, waiting + 1)).toEqual(frames)
  })

  it.each([
    [39, 4],
    [40, 4],
    [41, 5],
  ])('has messages of 10 bytes wait until they are %i: %i of them', async (queueBytes, most) => {
    expect(await asked({ queueBytes }, most + 1)).toEqual([])
    expect(await asked({ queueBytes }, most + 2)).toEqual([[FrameType.UNSUBSCRIBE, 1]])
  })
})

describe('time', () => {
  it.each([2_999, 3_000, 3_001])('of %i ms for a call is over then, and not a millisecond before', async timeout => {
    const { api, clock, connection } = scene({ timeout })
    const answer = watch(api.say('hi'))
    await clock.advance(timeout - 1)
    expect(answer.settled).toBe(0)
    await clock.advance(1)
    expect(answer.error).toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    connection.close()
  })

  it.each([2_999, 3_000, 3_001])(
    'of %i ms for a dial is over then, and not a millisecond before',
    async connectTimeout => {
      const { connection, server, clock } = scene({ connectTimeout })
      server.greet = () => undefined
      connection.open()
      await clock.advance(connectTimeout - 1)
      expect(connection.state.status).toBe('connecting')
      await clock.advance(1)
      expect(connection.state.status).toBe('waiting')
      connection.close()
    },
  )
})
