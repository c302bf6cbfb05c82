import { TautlineError } from '@tautline/core'
import { encodeFrame, FrameType, pipe } from '@tautline/core/wire'
import * as fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { ServeOptions } from '../src/options.ts'
import type { HandClient } from './support/hand-client.ts'
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

async function cut(client: HandClient): Promise<void> {
  client.cut()
  await serving.clock.settle()
}

describe('a client that comes back', () => {
  it('goes on where it was: the answer that it missed is the first thing it gets', async () => {
    await start()
    const first = await serving.join()
    first.call(1, 'wait', 'a')
    await serving.clock.settle()
    await cut(first)
    serving.waiting.get('a')?.('done')
    await serving.clock.settle()
    const second = await serving.back(first)
    expect(second.frames.map(frame => frame[0])).toEqual([FrameType.WELCOME, FrameType.END])
    expect(second.welcome).toMatchObject({ ...first.welcome, resumed: true, received: 1 })
    expect(second.outcome(1)).toEqual([FrameType.END, 1, 'done'])
  })

  it('is authenticated again, with the context that it had, and calls have the new one', async () => {
    const previous: unknown[] = []
    await start({
      authenticate: ({ token, previous: before }) => {
        previous.push(before)
        return { context: token, identity: 'ada' }
      },
    })
    const first = await serving.join({ token: 'one' })
    await cut(first)
    const second = await serving.back(first, 1, 'two')
    expect(previous).toEqual([undefined, 'one'])
    second.call(1, 'whoami')
    await serving.clock.settle()
    expect(second.outcome(1)?.[2]).toMatchObject({ context: 'two' })
  })

  it('while its old socket still looks open takes everything over, and the old one is closed with 4590', async () => {
    await start()
    const first = await serving.join()
    first.call(1, 'wait', 'a')
    await serving.clock.settle()
    const second = await serving.back(first)
    expect(first.closed?.code).toBe(4590)
    serving.waiting.get('a')?.('done')
    await serving.clock.settle()
    expect(second.outcome(1)).toEqual([FrameType.END, 1, 'done'])
    expect(serving.server.stats().sessions).toMatchObject({ attached: 1, detached: 0 })
  })

  it('runs nothing twice: what still arrives on the old socket is neither run nor counted', async () => {
    await start()
    const first = await serving.join()
    const second = serving.dial()
    second.hello({ token: 'ada', session: [first.welcome?.session ?? '', 0, 1] })
    first.call(1, 'wait', 'late')
    await serving.clock.settle()
    const counted = second.welcome?.received ?? -1
    if (counted === 0) second.call(1, 'wait', 'again')
    await serving.clock.settle()
    expect([...serving.waiting.keys()]).toEqual([counted === 0 ? 'again' : 'late'])
  })

  it('under another name gets a session of its own, and the old one is untouched', async () => {
    await start()
    const first = await serving.join({ token: 'ada' })
    first.call(1, 'wait', 'a')
    await serving.clock.settle()
    const thief = await serving.back(first, 1, 'mallory')
    expect(thief.welcome).toMatchObject({ resumed: false, received: 0 })
    expect(thief.welcome?.session).not.toBe(first.welcome?.session)
    expect(first.closed).toBeUndefined()
    serving.waiting.get('a')?.('secret')
    await serving.clock.settle()
    expect(thief.outcome(1)).toBeUndefined()
    expect(first.outcome(1)).toEqual([FrameType.END, 1, 'secret'])
  })

  it('and is not let in leaves the old socket alone', async () => {
    await start({
      authenticate: ({ token }) => {
        if (token === 'expired') throw new TautlineError('UNAUTHENTICATED', 'no')
        return { context: token, identity: 'ada' }
      },
    })
    const first = await serving.join()
    const second = await serving.back(first, 1, 'expired')
    expect(second.closed?.code).toBe(4501)
    first.call(1, 'echo', 'still here')
    await serving.clock.settle()
    expect(first.outcome(1)).toEqual([FrameType.END, 1, 'still here'])
  })

  it('to a session that nobody knows gets a new one', async () => {
    await start()
    const client = await serving.join({ token: 'ada', session: ['x'.repeat(21), 7, 1] })
    expect(client.welcome).toMatchObject({ resumed: false, received: 0 })
  })
})

describe('attempts', () => {
  it('that are not above the last accepted one are closed with 4590, and change nothing', async () => {
    await start()
    const first = await serving.join()
    const second = await serving.back(first, 5)
    for (const attempt of [5, 4, 0]) {
      const stale = await serving.back(first, attempt)
      expect(stale.closed?.code).toBe(4590)
    }
    expect(second.closed).toBeUndefined()
    const third = await serving.back(first, 6)
    expect(second.closed?.code).toBe(4590)
    expect(third.welcome?.resumed).toBe(true)
  })

  it('are not used up by one that is not let in', async () => {
    let refuse = false
    await start({
      authenticate: () => {
        if (refuse) throw new Error('down')
        return { context: 1 }
      },
    })
    const first = await serving.join()
    refuse = true
    expect((await serving.back(first, 1)).closed?.code).toBe(4004)
    refuse = false
    expect((await serving.back(first, 1)).welcome?.resumed).toBe(true)
  })

  it('that overtake each other end with the newest, whatever authenticate does', async () => {
    const answers: (() => void)[] = []
    let held = false
    await start({
      authenticate: () => (held ? new Promise(resolve => answers.push(() => resolve({ context: 1 }))) : { context: 1 }),
    })
    const first = await serving.join()
    held = true
    const older = await serving.back(first, 1)
    const newer = await serving.back(first, 2)
    answers[1]?.()
    await serving.clock.settle()
    answers[0]?.()
    await serving.clock.settle()
    expect(newer.welcome?.resumed).toBe(true)
    expect(newer.closed).toBeUndefined()
    expect(older.closed?.code).toBe(4590)
    expect(first.closed?.code).toBe(4590)
  })
})

describe('counters that do not fit', () => {
  it('above what was sent are a protocol error, and the end of the session', async () => {
    await start()
    const first = await serving.join()
    await cut(first)
    expect((await serving.back(first, 1, 'ada', 1)).closed?.code).toBe(4500)
    expect((await serving.back(first, 2, 'ada', 0)).welcome?.resumed).toBe(false)
  })

  it('below what was forgotten are the end of the session, and a new one', async () => {
    await start()
    const first = await serving.join()
    first.call(1, 'echo', 'a')
    await serving.clock.settle()
    first.send([FrameType.ACK, 1])
    await serving.clock.settle()
    await cut(first)
    const second = await serving.back(first, 1, 'ada', 0)
    expect(second.welcome).toMatchObject({ resumed: false, received: 0 })
    expect(serving.server.stats().sessions).toMatchObject({ attached: 1, detached: 0 })
  })

  it('past the replay limit while away: the session is lost at once, and its handlers are told', async () => {
    await start({ limits: { replayBytes: 1_000 } })
    const first = await serving.join()
    first.call(1, 'wait', 'big')
    first.call(2, 'wait', 'other')
    await serving.clock.settle()
    await cut(first)
    serving.waiting.get('big')?.('x'.repeat(2_000))
    await serving.clock.settle()
    expect(serving.server.stats().sessions).toMatchObject({ attached: 0, detached: 0 })
    expect(serving.stopped.get('other')).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    expect((await serving.back(first)).welcome?.resumed).toBe(false)
  })
})

describe('a client that is away', () => {
  it('is waited for 30 s, and not longer: then its handlers are told', async () => {
    await start()
    const first = await serving.join()
    first.call(1, 'wait', 'a', { timeoutMs: 600_000 })
    await serving.clock.settle()
    await cut(first)
    await serving.clock.advance(28_000)
    expect(serving.server.stats().sessions.detached).toBe(1)
    expect(serving.stopped.size).toBe(0)
    await serving.clock.advance(4_000)
    expect(serving.server.stats().sessions.detached).toBe(0)
    expect(serving.stopped.get('a')).toMatchObject({ code: 'UNAVAILABLE' })
    expect((await serving.back(first)).welcome?.resumed).toBe(false)
  })

  it('is waited for anew whenever it came back', async () => {
    await start()
    const first = await serving.join()
    await cut(first)
    await serving.clock.advance(25_000)
    const second = await serving.back(first)
    await cut(second)
    await serving.clock.advance(25_000)
    expect((await serving.back(first, 2)).welcome?.resumed).toBe(true)
  })

  it.each([1000, 1001, 4500])('is not waited for when it said goodbye with %i', async code => {
    await start()
    const client = await serving.join()
    client.call(1, 'wait', 'a')
    await serving.clock.settle()
    client.close(code)
    await serving.clock.settle()
    expect(serving.server.stats().sessions.detached).toBe(0)
    expect(serving.stopped.has('a')).toBe(true)
  })

  it.each([1005, 1006, 1011, 3000])('is waited for after %i', async code => {
    await start()
    const client = await serving.join()
    client.close(code)
    await serving.clock.settle()
    expect(serving.server.stats().sessions.detached).toBe(1)
  })

  it('is not waited for where resumeMs is 0', async () => {
    await start({ limits: { resumeMs: 0 } })
    await cut(await serving.join())
    expect(serving.server.stats().sessions.detached).toBe(0)
  })

  it.each([
    ['4500', [FrameType.ITEM, 7, 1]],
    ['4500', [FrameType.HELLO, {}]],
  ])('because it broke the protocol (%s) is not waited for', async (code, frame) => {
    await start()
    const client = await serving.join()
    client.send(frame as never)
    await serving.clock.settle()
    expect(client.closed?.code).toBe(Number(code))
    expect(serving.server.stats().sessions).toMatchObject({ attached: 0, detached: 0 })
  })

  it('with many others of one identity: the one that has waited longest is lost', async () => {
    await start({ limits: { detachedPerIdentity: 2 } })
    const clients = [await serving.join(), await serving.join(), await serving.join()]
    for (const client of clients) await cut(client)
    expect(serving.server.stats().sessions.detached).toBe(2)
    const [first, second] = clients
    if (!first || !second) throw new Error('three came')
    expect((await serving.back(second)).welcome?.resumed).toBe(true)
    expect((await serving.back(first)).welcome?.resumed).toBe(false)
  })
})

describe('whatever is cut, and wherever', () => {
  const CALLS = 12

  /** A client that keeps what was not acknowledged and sends it again, as protocol.md says. */
  async function callAll(cuts: readonly { readonly after: number; readonly up: boolean }[]): Promise<void> {
    const runs = new Map<string, number>()
    await start({
      interceptors: [
        async (call, next) => {
          runs.set(String(call.input), (runs.get(String(call.input)) ?? 0) + 1)
          await next()
        },
      ],
    })
    const outcomes: unknown[] = []
    const sent: [number, string][] = []
    const plan = [...cuts]
    let client = await serving.join()
    let [received, attempt] = [0, 0]
    const session = client.welcome?.session ?? ''
    const collect = () => {
      received += client.received
      outcomes.push(...client.all(FrameType.END))
    }
    for (let id = 1; id <= CALLS; id++) {
      sent.push([id, `call ${id}`])
      client.call(id, 'echo', `call ${id}`)
      const next = plan[0]
      if (next && id >= next.after) {
        plan.shift()
        // Cut before the server has read it, or after it has answered.
        if (!next.up) await serving.clock.settle()
        client.cut()
        await serving.clock.settle()
        collect()
        attempt += 1
        client = await serving.join({ token: 'ada', session: [session, received, attempt] })
        expect(client.welcome?.resumed).toBe(true)
        for (const [again, text] of sent.slice(client.welcome?.received)) client.call(again, 'echo', text)
      }
      await serving.clock.settle()
    }
    collect()
    expect(outcomes).toEqual(sent.map(([id, text]) => [FrameType.END, id, text]))
    expect([...runs.values()]).toEqual(sent.map(() => 1))
  }

  it('every call is run once and answered once, in order', async () => {
    const cuts = fc.array(fc.record({ after: fc.integer({ min: 1, max: CALLS }), up: fc.boolean() }), {
      maxLength: 8,
      size: 'max',
    })
    await fc.assert(
      fc.asyncProperty(cuts, async plan => {
        await callAll(plan)
        expect(await serving.end()).toBe(0)
      }),
      { seed: 11, numRuns: 60 },
    )
  })

  it('a socket that is lost while its client is being authenticated leaves the session as it was', async () => {
    let answer = () => {}
    let held = false
    await start({
      authenticate: () => (held ? new Promise(resolve => (answer = () => resolve({ context: 1 }))) : { context: 1 }),
    })
    const first = await serving.join()
    held = true
    const second = await serving.back(first)
    await cut(second)
    answer()
    await serving.clock.settle()
    expect(first.closed).toBeUndefined()
    held = false
    expect((await serving.back(first, 1)).welcome?.resumed).toBe(true)
  })

  it('a socket that is lost right after WELCOME was written leaves the session waiting', async () => {
    await start()
    const first = await serving.join()
    const [near, far] = pipe(serving.clock)
    serving.server.accept(far)
    near.listen({ message: () => near.abandon(), drain: () => undefined, close: () => undefined })
    near.send(encodeFrame([FrameType.HELLO, { token: 'ada', session: [first.welcome?.session ?? '', 0, 1] }]))
    await serving.clock.settle()
    expect(first.closed?.code).toBe(4590)
    expect(serving.server.stats().sessions).toMatchObject({ attached: 0, detached: 1 })
    expect((await serving.back(first, 2)).welcome?.resumed).toBe(true)
  })
})
