import { type Call, contract, type Handlers, numbersOf, procedure, TautlineError, topic } from '@tautline/core'
import { afterEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { Dispatching, type Options, settled } from './support/dispatching.ts'

const api = contract({
  math: {
    double: procedure({ input: z.number(), output: z.number() }),
    /** Text on the wire, a number for the handler, text again for the caller. */
    length: procedure({
      input: z.string().transform(text => text.length),
      output: z.number().transform(String),
    }),
    slow: procedure({ input: z.string().refine(async text => text !== 'bad', 'is refused'), output: z.string() }),
    user: procedure({ output: z.object({ name: z.string() }) }),
    nothing: procedure({}),
    brief: procedure({ timeout: 1_000 }),
    guarded: procedure({
      errors: {
        CLOSED: z.object({ until: z.date() }),
        MUTED: null,
        COUNTED: z.string().transform(text => text.length),
      },
    }),
  },
  feed: topic({ params: z.object({ room: z.string() }), message: z.string() }),
})

type Math = Handlers<typeof api.math, unknown>

const never = (): Promise<never> => new Promise(() => undefined)

let bench: Dispatching | undefined

function dispatching(math: Partial<Record<keyof Math, unknown>>, options?: Options): Dispatching {
  const refuse = () => {
    throw new Error('not this one')
  }
  const all = Object.fromEntries(Object.keys(api.math).map(name => [name, refuse]))
  bench = new Dispatching(api, { math: { ...all, ...math }, feed: { subscribe: () => undefined } }, options)
  return bench
}

afterEach(async () => {
  await bench?.close()
  bench = undefined
})

describe('a procedure', () => {
  it('answers what its handler returns, at once or later', async () => {
    const { ask } = bound(dispatching({ double: (n: number) => n * 2 }))
    expect(await ask('math.double', 21)).toEqual({ value: 42 })
    const later = bound(dispatching({ double: async (n: number) => n * 2 }))
    expect(await later.ask('math.double', 21)).toEqual({ value: 42 })
  })

  it('answers in the tick of its call when nothing in it is asynchronous', async () => {
    const { call, clock } = bound(dispatching({ double: (n: number) => n * 2 }))
    const { answer } = call('math.double', 1)
    let value: unknown
    void answer.then(how => {
      value = how.value
    })
    clock.tick()
    await Promise.resolve()
    expect(value).toBe(2)
  })

  it('refuses input that does not fit, before any handler, and says what is wrong but not with which value', async () => {
    const double = vi.fn()
    const { ask } = bound(dispatching({ double }))
    const { error } = await ask('math.double', 'a secret')
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', issues: [{ path: [], message: expect.anything() }] })
    expect(JSON.stringify(error?.issues) + error?.message).not.toContain('a secret')
    expect(double).not.toHaveBeenCalled()
  })

  it('lets each transform run once, of input, of output and of the data of errors', async () => {
    const { ask } = bound(
      dispatching({
        length: (n: number) => n,
        guarded: (_: undefined, call: Call) => {
          throw (call.error as (...details: unknown[]) => Error)('COUNTED', 'four')
        },
      }),
    )
    expect(await ask('math.length', 'four')).toEqual({ value: '4' })
    expect((await ask('math.guarded')).error).toMatchObject({ code: 'COUNTED', data: 4 })
  })

  it('waits for schemas that answer asynchronously', async () => {
    const { ask } = bound(dispatching({ slow: (text: string) => text }))
    expect(await ask('math.slow', 'good')).toEqual({ value: 'good' })
    expect((await ask('math.slow', 'bad')).error).toMatchObject({
      code: 'INVALID_ARGUMENT',
      issues: [{ message: 'is refused' }],
    })
  })

  it('strips from the answer what its schema does not name, unless told not to validate', async () => {
    const user = () => ({ name: 'ada', passwordHash: 'x' })
    expect(await bound(dispatching({ user })).ask('math.user')).toEqual({ value: { name: 'ada' } })
    const trusting = bound(dispatching({ user }, { validateOutput: false }))
    expect(await trusting.ask('math.user')).toEqual({ value: { name: 'ada', passwordHash: 'x' } })
  })

  it('says nothing where the contract declares nothing, whatever its handler returned', async () => {
    const { ask } = bound(dispatching({ nothing: () => new Map([[{}, () => 1]]) }))
    expect(await ask('math.nothing')).toEqual({ value: undefined })
  })
})

describe('a handler that goes wrong', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('db password=hunter2')
      },
    ],
    [
      'rejects late',
      async () => {
        await Promise.resolve()
        throw new Error('db password=hunter2')
      },
    ],
    [
      'throws null',
      () => {
        throw null
      },
    ],
    ['rejects with undefined', () => Promise.reject()],
    ['returns the wrong shape', () => 'hunter2'],
    ['returns the wrong shape later', async () => 'hunter2'],
    [
      'throws INTERNAL by name',
      () => {
        throw new TautlineError('INTERNAL', 'hunter2', { incident: 'of another server', cause: 'hunter2' })
      },
    ],
    [
      'throws a code that is not declared',
      () => {
        throw new TautlineError('HUNTER2', 'hunter2')
      },
    ],
  ])('is an incident when it %s: the caller learns nothing, onError everything', async (_, double) => {
    const { ask, reports } = bound(dispatching({ double }))
    const { error } = await ask('math.double', 1)
    expect(error).toMatchObject({
      code: 'INTERNAL',
      message: 'internal',
      incident: expect.stringMatching(/^[\w-]{21}$/),
    })
    expect(JSON.stringify({ ...error })).not.toContain('hunter2')
    expect(reports).toMatchObject([{ incident: error?.incident, entry: 'math.double' }])
  })

  it.each([
    ['a function', { name: () => 'ada' }],
    [
      'a class',
      {
        name: new (class Secret {
          hash = 'x'
        })(),
      },
    ],
    ['a lone surrogate', { name: '\ud800' }],
  ])('is an incident when it answers what cannot be sent: %s', async (_, made) => {
    const { ask, reports } = bound(dispatching({ user: () => made }, { validateOutput: false }))
    expect((await ask('math.user')).error).toMatchObject({ code: 'INTERNAL', incident: reports[0]?.incident })
    expect(reports).toHaveLength(1)
  })

  it('is told that its answer is larger than the client takes', async () => {
    const { ask } = bound(dispatching({ user: () => ({ name: 'x'.repeat(1_048_576) }) }))
    expect((await ask('math.user')).error).toMatchObject({ code: 'RESOURCE_EXHAUSTED' })
  })

  it('does not take anything down with an onError that throws or rejects', async () => {
    // Not a spy of vitest's: those handle the promises that they return.
    const onError = (error: unknown) => (error === 1 ? Promise.reject(error) : fail(error))
    let thrown = 0
    const { ask } = bound(dispatching({ double: () => fail(thrown++) }, { onError }))
    expect((await ask('math.double', 1)).error?.code).toBe('INTERNAL')
    expect((await ask('math.double', 1)).error?.code).toBe('INTERNAL')
    expect(thrown).toBe(2)
  })

  it('is answered for also when it throws what cannot even be looked at, in time or late', async () => {
    const trap = (): never => {
      throw new Error('do not touch')
    }
    const untouchable: unknown = new Proxy({}, { getPrototypeOf: trap, get: trap, has: trap })
    const double = (n: number, { signal }: Call) =>
      new Promise((_, reject) =>
        n ? reject(untouchable) : signal.addEventListener('abort', () => reject(untouchable)),
      )
    const { clock, inflight, ...b } = bound(dispatching({ double }))
    expect((await b.ask('math.double', 1)).error?.code).toBe('INTERNAL')
    b.call('math.double', 0).exchange.cancel()
    await clock.settle()
    expect(inflight.calls).toBe(0)
  })

  it('may throw declared codes with their data, which is checked, and canonical ones with a message', async () => {
    const until = new Date(0)
    let thrown: Error
    const { ask, reports } = bound(
      dispatching({
        guarded: () => {
          throw thrown
        },
      }),
    )
    thrown = new TautlineError('CLOSED', 'come back later', { data: { until, secret: 'x' } })
    expect((await ask('math.guarded')).error).toMatchObject({
      code: 'CLOSED',
      message: 'come back later',
      data: { until },
    })
    expect((await ask('math.guarded')).error?.data).not.toHaveProperty('secret')
    thrown = new TautlineError('MUTED', '', { data: 'a secret' })
    expect((await ask('math.guarded')).error).toMatchObject({ code: 'MUTED', data: undefined })
    thrown = new TautlineError('NOT_FOUND', 'no such room', { data: 'a secret' })
    expect((await ask('math.guarded')).error).toMatchObject({
      code: 'NOT_FOUND',
      message: 'no such room',
      data: undefined,
    })
    expect(reports).toEqual([])
    thrown = new TautlineError('CLOSED', 'x', { data: { until: 'tomorrow' } })
    expect((await ask('math.guarded')).error).toMatchObject({ code: 'INTERNAL', incident: reports[0]?.incident })
  })

  it('says itself whether it may have run, whatever another server said about its own handlers', async () => {
    const { ask } = bound(
      dispatching({
        double: () => {
          throw new TautlineError('UNAVAILABLE', 'down', { mayHaveRun: false })
        },
      }),
    )
    expect((await ask('math.double', 1)).error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
  })
})

describe('call.error', () => {
  it('takes data where the code declares some, else a message; and what led to it stays here', async () => {
    let details: readonly unknown[] = []
    const guarded = (_: undefined, call: Call) => {
      throw (call.error as (...details: readonly unknown[]) => Error)(...details)
    }
    const { ask } = bound(dispatching({ guarded }))
    const told = async (...given: readonly unknown[]) => {
      details = given
      const { code, message, data, cause } = (await ask('math.guarded')).error ?? {}
      return [code, message, data, cause]
    }
    const until = new Date(0)
    const options = { cause: 'a secret' }
    expect(await told('CLOSED', { until }, 'at night', options)).toEqual(['CLOSED', 'at night', { until }, undefined])
    expect(await told('MUTED', 'for a while', options)).toEqual(['MUTED', 'for a while', undefined, undefined])
    expect(await told('ABORTED', 'once more', options)).toEqual(['ABORTED', 'once more', undefined, undefined])
    expect(await told('NOT_FOUND')).toEqual(['NOT_FOUND', 'not found', undefined, undefined])
  })
})

describe('an entry', () => {
  it('is called by its number, too, and counted by its path', async () => {
    const { ask, dispatcher } = bound(dispatching({ double: (n: number) => n * 2 }))
    const numbers = numbersOf(api)
    const [double = -1, feed = -1] = ['math.double', 'feed'].map(path => numbers.get(path))
    expect([await ask(double, 4), await ask('math.double', 4)]).toEqual([{ value: 8 }, { value: 8 }])
    expect(dispatcher.calls['math.double']).toEqual({ OK: 2 })
    for (const other of [feed, numbers.size, Number.MAX_SAFE_INTEGER]) {
      expect((await ask(other)).error).toMatchObject({ code: 'UNIMPLEMENTED' })
    }
  })

  it.each([
    'math.nope',
    'math',
    'constructor',
    'toString',
    '__proto__',
    'math.double.bind',
    'feed',
    'feed@presence',
    '@servers',
  ])('that is no procedure or stream is not called: %s', async path => {
    const { ask, dispatcher } = bound(dispatching({}))
    expect((await ask(path, {})).error).toMatchObject({ code: 'UNIMPLEMENTED' })
    expect(Object.keys(dispatcher.calls)).toEqual([path === 'feed' ? 'feed' : ''])
  })

  it.each(['math.double', 'nope', 'feed', 'feed@presence'])(
    'that takes no messages is not published on: %s',
    async path => {
      const { publish, clock } = bound(dispatching({}))
      expect((await settled(publish(path, { room: 'a' }, 'hi'), clock)).error).toMatchObject({ code: 'UNIMPLEMENTED' })
    },
  )
})

describe('a caller that loses interest', () => {
  it('is answered at once; the signal fires, and the slot waits for the handler', async () => {
    let call: Call | undefined
    let release: (value: number) => void = () => undefined
    const { client, server, clock, inflight, ...b } = bound(
      dispatching({
        double: (_: number, given: Call) => {
          call = given
          return new Promise(resolve => {
            release = resolve
          })
        },
      }),
    )
    const asked = b.call('math.double', 1)
    await clock.settle()
    expect(call?.signal.aborted).toBe(false)
    const before = client.link.received
    asked.exchange.cancel()
    await clock.settle()
    expect(client.link.received - before).toBe(1)
    expect(call?.signal.reason).toMatchObject({ code: 'CANCELLED', mayHaveRun: true })
    expect([server.exchanges, inflight.calls]).toEqual([0, 1])
    release(2)
    await clock.settle()
    expect(inflight.calls).toBe(0)
  })

  it('gets its slot back after 60 s when the handler ignores its signal and never returns', async () => {
    const { clock, inflight, ...b } = bound(dispatching({ double: never }))
    b.call('math.double', 1).exchange.cancel()
    await clock.settle()
    await clock.advance(59_000)
    expect(inflight.calls).toBe(1)
    await clock.advance(1_100)
    expect(inflight.calls).toBe(0)
  })

  it('gives its slot back once, also when its handler settles after that', async () => {
    let release: (value: number) => void = () => undefined
    const double = () =>
      new Promise(resolve => {
        release = resolve
      })
    const { clock, inflight, ...b } = bound(dispatching({ double }))
    b.call('math.double', 1).exchange.cancel()
    await clock.advance(61_000)
    release(2)
    await clock.settle()
    expect(inflight.calls).toBe(0)
  })

  it('hands the signal already fired to a handler that asks late', async () => {
    let call: Call | undefined
    const { clock, ...b } = bound(
      dispatching({
        double: async (_: number, given: Call) => {
          call = given
          await never()
        },
      }),
    )
    b.call('math.double', 1).exchange.cancel()
    await clock.settle()
    expect(call?.signal.aborted).toBe(true)
    await clock.advance(61_000)
  })

  it('is not told what the handler throws late; onError is, unless it is how the handler obeyed', async () => {
    const thrown = [
      new Error('too late'),
      new DOMException('aborted', 'AbortError'),
      new TautlineError('NOT_FOUND'),
      undefined,
    ]
    const { clock, reports, ...b } = bound(
      dispatching({
        double: (n: number, { signal }: Call) =>
          new Promise((_, reject) =>
            signal.addEventListener('abort', () => reject(n === 3 ? signal.reason : thrown[n])),
          ),
      }),
    )
    for (const n of thrown.keys()) b.call('math.double', n).exchange.cancel()
    await clock.settle()
    expect(reports.map(({ error }) => error)).toEqual([thrown[0]])
  })
})

describe('a deadline', () => {
  it('is 30 s, what the contract says, or what the caller asks for', async () => {
    const { clock, ...b } = bound(dispatching({ double: never, brief: never }))
    const deadlines: [string, number | undefined, number][] = [
      ['math.double', undefined, 30_000],
      ['math.brief', undefined, 1_000],
      ['math.brief', 5_000, 5_000],
      ['math.double', 1, 100],
    ]
    for (const [path, timeoutMs, ms] of deadlines) {
      const asked = b.call(path, path === 'math.double' ? 1 : undefined, { timeoutMs })
      await clock.advance(ms - 100)
      let over = false
      void asked.answer.then(() => {
        over = true
      })
      await clock.settle()
      expect(over).toBe(false)
      await clock.advance(200)
      expect((await settled(asked, clock)).error).toMatchObject({ code: 'DEADLINE_EXCEEDED', mayHaveRun: true })
    }
    await clock.advance(61_000)
  })

  it('fires the signal, and is known to the handler', async () => {
    let call: Call | undefined
    const { clock, ...b } = bound(
      dispatching({
        double: (_: number, given: Call) => {
          call = given
          return given.signal && never()
        },
      }),
    )
    b.call('math.double', 1, { timeoutMs: 5_000 })
    await clock.settle()
    expect(Math.abs((call?.deadline ?? 0) - Date.now() - 5_000)).toBeLessThan(1_000)
    await clock.advance(5_100)
    expect(call?.signal.reason).toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    await clock.advance(61_000)
  })

  it.each([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 3_600_001, 2 ** 31, 1e12])(
    'of %d ms is refused',
    async timeoutMs => {
      const { ask } = bound(dispatching({ double: (n: number) => n }))
      expect((await ask('math.double', 1, { timeoutMs })).error).toMatchObject({ code: 'INVALID_ARGUMENT' })
    },
  )

  it.each([1, 3_600_000])('of %d ms is kept to', async timeoutMs => {
    const { ask } = bound(dispatching({ double: async (n: number) => n }))
    expect(await ask('math.double', 1, { timeoutMs })).toEqual({ value: 1 })
  })

  it('leaves no timer behind a handler that answered in time', async () => {
    const { ask, clock } = bound(dispatching({ double: async (n: number) => n }))
    await ask('math.double', 1)
    await clock.advance(1_100) // the links have acknowledged
    expect(clock.pending).toBe(0)
  })
})

describe('a session', () => {
  it.each([
    ['is lost', 'lose', 'UNAVAILABLE'],
    ['is revoked', 'abort', 'UNAUTHENTICATED'],
  ] as const)('that %s fires the signals of its calls, with the reason', async (_, how, code) => {
    let call: Call | undefined
    const { clock, server, inflight, ...b } = bound(
      dispatching({
        double: (_: number, given: Call) => {
          call = given
          return new Promise((_, reject) => given.signal.addEventListener('abort', reject))
        },
      }),
    )
    b.call('math.double', 1)
    await clock.settle()
    server[how](new TautlineError(code))
    await clock.settle()
    expect(call?.signal.reason).toMatchObject({ code })
    expect(inflight.calls).toBe(0)
  })

  it('is seen by its handlers, with headers, context and entry; a refresh changes what later calls see only', async () => {
    const seen: unknown[] = []
    const b = bound(
      dispatching(
        {
          double: async (n: number, call: Call) => {
            await Promise.resolve()
            seen.push([call.context, call.session, { ...call.headers }, call.entry.path])
            return n
          },
        },
        { context: 'old', identity: 'ada' },
      ),
    )
    const first = b.call('math.double', 1, { headers: { trace: 'x' } })
    b.clock.tick()
    b.bench.caller = { ...b.bench.caller, context: 'new' }
    await settled(first, b.clock)
    await b.ask('math.double', 1)
    const session = { id: 'public', identity: 'ada', address: '::1' }
    expect(seen).toEqual([
      ['old', session, { trace: 'x' }, 'math.double'],
      ['new', session, {}, 'math.double'],
    ])
  })

  it('has a handler take apart the call that it is given', async () => {
    const { ask, published, retracted } = bound(
      dispatching({
        nothing: async (_: undefined, { publish, retract, error, signal, deadline }: Call) => {
          expect([signal.aborted, typeof deadline]).toEqual([false, 'number'])
          expect(await publish(api.feed, { room: 'a' }, 'hi', { idempotencyKey: 'k' })).toBe('1.e')
          await retract(api.feed as never, { room: 'a' }, 'ada')
          throw error('ABORTED', 'so there')
        },
      }),
    )
    expect((await ask('math.nothing')).error).toMatchObject({ code: 'ABORTED', message: 'so there' })
    expect(published).toEqual([{ topic: 'feed', params: { room: 'a' }, message: 'hi', options: { key: 'k' } }])
    expect(retracted).toEqual([['feed', { room: 'a' }, 'ada']])
  })

  it('is not blamed for what a handler publishes wrongly', async () => {
    const publish = async (): Promise<never> => {
      throw new TautlineError('INVALID_ARGUMENT')
    }
    for (const params of [{ room: 1 }, { room: 'a' }]) {
      const nothing = (_: undefined, call: Call) => call.publish(api.feed, params as { room: string }, 'hi')
      const { ask, reports } = bound(dispatching({ nothing }, { publish }))
      expect((await ask('math.nothing')).error).toMatchObject({ code: 'INTERNAL' })
      expect(String(reports[0]?.error)).toMatch(/'feed' was given .* not fit/)
    }
  })
})

describe('the calls in flight of a session', () => {
  it('are at most so many: one less and as many pass, one more is refused', async () => {
    const { clock, inflight, client, ...b } = bound(dispatching({ double: never }, { calls: 3 }))
    for (let i = 0; i < 3; i++) b.call('math.double', 1)
    await clock.settle()
    expect(inflight.calls).toBe(3)
    expect((await b.ask('math.double', 1)).error).toMatchObject({ code: 'RESOURCE_EXHAUSTED' })
    expect(inflight.calls).toBe(3)
    await clock.advance(91_000)
    expect(inflight.calls).toBe(0)
  })

  it('hold at most so many bytes, unsent answers among them', async () => {
    let unsent = 0
    const options = { callBytes: 1_000, unsent: () => unsent }
    const { clock, inflight, ...b } = bound(dispatching({ slow: never }, options))
    b.call('math.slow', 'x'.repeat(100))
    await clock.settle()
    const head = inflight.bytes - 100
    expect((await b.ask('math.slow', 'x'.repeat(1_000))).error).toMatchObject({ code: 'RESOURCE_EXHAUSTED' })
    unsent = 1_000 - inflight.bytes - head - 100 + 1
    expect((await b.ask('math.slow', 'x'.repeat(100))).error).toMatchObject({ code: 'RESOURCE_EXHAUSTED' })
    unsent -= 1
    b.call('math.slow', 'x'.repeat(100))
    await clock.settle()
    expect(inflight.calls).toBe(2)
    await clock.advance(91_000)
  })

  it('fail when more answers than that wait to be sent', async () => {
    let unsent = 0
    const options = { callBytes: 1_000, unsent: () => unsent }
    const { ask } = bound(
      dispatching(
        {
          nothing: () => {
            unsent = 1_000
          },
        },
        options,
      ),
    )
    expect((await ask('math.nothing')).error).toMatchObject({ code: 'RESOURCE_EXHAUSTED' })
  })
})

describe('a hundred thousand calls', () => {
  it('leave nothing behind: no slot, no timer, no exchange', async () => {
    const { clock, client, server, inflight, dispatcher, ...b } = bound(
      dispatching({ double: (n: number) => (n % 2 ? n : Promise.resolve(n)) }),
    )
    for (let round = 0; round < 500; round++) {
      for (let i = 0; i < 200; i++) b.call('math.double', i)
      await clock.settle()
    }
    expect([inflight.calls, inflight.bytes, client.exchanges, server.exchanges]).toEqual([0, 0, 0, 0])
    expect(dispatcher.calls).toEqual({ 'math.double': { OK: 100_000 } })
    await clock.advance(2_000)
    expect(clock.pending).toBe(0)
  }, 30_000)
})

it('counts calls by entry and outcome', async () => {
  const b = bound(dispatching({ double: (n: number) => (n > 0 ? n : fail('no')) }))
  await b.ask('math.double', 1)
  await b.ask('math.double', 1)
  await b.ask('math.double', 'x')
  await b.ask('math.double', -1)
  await b.ask('math.double', 1, { timeoutMs: 0 })
  await b.ask('nope')
  expect(b.dispatcher.calls).toEqual({
    'math.double': { OK: 2, INVALID_ARGUMENT: 2, INTERNAL: 1 },
    '': { UNIMPLEMENTED: 1 },
  })
})

function fail(thrown: unknown): never {
  throw thrown
}

/** The bench with methods that work on their own. */
function bound(bench: Dispatching) {
  const { clock, deadlines, reports, published, retracted, dispatcher, inflight, client, server } = bench
  const methods = { call: bench.call.bind(bench), ask: bench.ask.bind(bench), publish: bench.publish.bind(bench) }
  return { bench, clock, deadlines, reports, published, retracted, dispatcher, inflight, client, server, ...methods }
}
