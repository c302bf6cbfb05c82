import { FrameType } from '@tautline/core/wire'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { limitsOf, type ServerLimits } from '../src/limits.ts'
import { Serving } from './support/serving.ts'

/** Most is looked at once a second, and some on a timer that rings at most every 50 ms. */
const [SWEEP_MS, TIMER_MS] = [1_000, 50]
/** How long a token is good for. */
const LIFE_MS = 10_000
/** Those of which this page cannot tell: they have their own tests. */
const elsewhere = ['messageMs', 'requestMs', 'timeoutMs']

let serving: Serving

afterEach(() => void vi.useRealTimers())

/** A limit that makes something happen when so much time has passed. */
interface TimeLimit {
  limits(ms: number): Partial<ServerLimits>
  /** Begins; resolves with how to see whether it has happened. */
  begin(): Promise<() => boolean | Promise<boolean>>
  /** When it has to happen, to the millisecond, if it began then. */
  due(at: number, ms: number): number
}

/** The first time from then on at which somebody looks. */
const nextLook = (every: number, at: number) => Math.ceil(at / every) * every
const bySweep = (at: number, ms: number) => nextLook(SWEEP_MS, at + ms)

const timeLimits: { readonly [name in keyof ServerLimits]?: TimeLimit } = {
  helloMs: {
    limits: helloMs => ({ helloMs }),
    async begin() {
      const client = serving.dial()
      return () => client.closed?.code === 4008
    },
    // What had arrived when the timer rang is read first.
    due: (at, ms) => nextLook(TIMER_MS, nextLook(TIMER_MS, at + ms) + 1),
  },
  authenticateMs: {
    limits: authenticateMs => ({ authenticateMs }),
    async begin() {
      const client = await serving.join({ token: 'slow' })
      return () => client.closed?.code === 4004
    },
    due: (at, ms) => nextLook(TIMER_MS, at + ms),
  },
  heartbeatMs: {
    limits: heartbeatMs => ({ heartbeatMs }),
    async begin() {
      const client = await serving.join()
      return () => client.all(FrameType.PING).length === 1
    },
    due: bySweep,
  },
  heartbeatAnswerMs: {
    limits: heartbeatAnswerMs => ({ heartbeatMs: 1, heartbeatAnswerMs }),
    async begin() {
      const client = await serving.join()
      return () => client.closed?.code === 4003
    },
    due: (at, ms) => bySweep(nextLook(SWEEP_MS, at + 1), ms),
  },
  stalledMs: {
    limits: stalledMs => ({ stalledMs, highWaterBytes: 1_000 }),
    async begin() {
      const client = await serving.join()
      client.stall()
      client.call(1, 'echo', 'x'.repeat(10_000))
      await serving.clock.settle()
      return () => serving.server.stats().sessions.attached === 0
    },
    // It counts from the first look that finds it waiting.
    due: (at, ms) => bySweep(nextLook(SWEEP_MS, at + 1), ms),
  },
  resumeMs: {
    limits: resumeMs => ({ resumeMs }),
    async begin() {
      const client = await serving.join()
      client.cut()
      await serving.clock.settle()
      return () => serving.server.stats().sessions.detached === 0
    },
    due: bySweep,
  },
  tokenMs: {
    limits: tokenMs => ({ tokenMs }),
    async begin() {
      const client = await serving.join({ token: 'brief' })
      return () => client.all(FrameType.TOKEN).length === 1
    },
    due: (at, ms) => bySweep(at, LIFE_MS - ms),
  },
  outcomeMs: {
    limits: outcomeMs => ({ outcomeMs }),
    async begin() {
      const client = await serving.join()
      let id = 0
      const ask = async () => {
        client.call(++id, 'wait', 'a', { key: 'k' })
        await serving.clock.settle()
        return client.outcome(id) === undefined
      }
      await ask()
      serving.waiting.get('a')?.('done')
      await serving.clock.settle()
      return ask
    },
    // Nobody has to look: it is asked for.
    due: (at, ms) => at + ms,
  },
}

it('has all limits of time', () => {
  const names = Object.keys(limitsOf()).filter(name => name.endsWith('Ms'))
  expect([...Object.keys(timeLimits), ...elsewhere].sort()).toEqual(names.sort())
})

describe.each(Object.entries(timeLimits))('%s', (_, { limits, begin, due }) => {
  it.each([2_999, 3_000, 3_001].flatMap(ms => [0, 1, 500, 999].map(at => [ms, at] as const)))(
    'of %i ms, from %i ms after a look on, is over at the next look, and not a millisecond before',
    async (ms, at) => {
      vi.setSystemTime(0)
      serving = await Serving.start({
        limits: limits(ms),
        authenticate: ({ token }) => {
          if (token === 'slow') return new Promise(() => undefined)
          return { context: undefined, identity: 'ada', expiresAt: token === 'brief' ? LIFE_MS : undefined }
        },
      })
      await serving.clock.advance(SWEEP_MS + at)
      const began = serving.clock.now()
      const isOver = await begin()
      await serving.clock.advance(due(began, ms) - began - 1)
      expect(await isOver()).toBe(false)
      await serving.clock.advance(1)
      expect(await isOver()).toBe(true)
      expect(await serving.end()).toBe(0)
    },
  )
})
