import { setTimeout as pass } from 'node:timers/promises'
import { connect, safe } from '@tautline/client'
import { contract, procedure, stream, TautlineError } from '@tautline/core'
import { type Clock, systemClock } from '@tautline/core/wire'
import { type Broker, memory, serve } from '@tautline/server'
import { randomFrom } from '@tautline/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { arena, arenaHandlers } from './support/arena.ts'
import { Chaos } from './support/chaos.ts'
import { leftIn, NOTHING_WRONG, RealWorld, until } from './support/real-world.ts'
import { lendBroker, RemoteBroker } from './support/remote-broker.ts'
import { SEEDS } from './support/seeds.ts'

describe.concurrent.each(SEEDS)('seed %i:', seed => {
  it('a broker that tells things twice and in another order goes unnoticed', { timeout: 60_000 }, async () => {
    const world = new RealWorld(seed)
    const { broker, end } = careless(memory(), randomFrom(seed))
    const server = await world.serve({ broker })
    const line = await world.line(server, { latencyMs: 1, jitterMs: 2 })
    const [ada, bob] = [world.player('ada', line), world.player('bob', line)]
    for (const topic of ['log', 'newest'] as const) await Promise.all([ada, bob].map(one => one.subscribe(topic, 'a')))
    for (let round = 0; round < 20; round++) {
      ada.publish('log', 'a', 20)
      bob.publish('log', 'a', 20)
      ada.publish('newest', 'a', 20)
      if (round % 5 === 4) line.cut()
      await until(() => world.idle, 'all publishes')
    }
    await world.rest()
    expect([...ada.gaps, ...bob.gaps]).toEqual([])
    expect(await world.finish()).toEqual(NOTHING_WRONG)
    await end()
  })

  it('handlers that throw, hang, block and break off are typed errors, and cost nobody else anything', {
    timeout: 60_000,
  }, async () => {
    const told: unknown[] = []
    const limits = { calls: 4 }
    const options = {
      port: 0,
      host: '127.0.0.1',
      clock: hasty(20),
      limits,
      onError: (error: unknown) => told.push(error),
    }
    const server = await serve(faulty, { ...options, authenticate: () => ({ context: undefined }) }, FAULTY)
    const line = await Chaos.open(() => server.port ?? 0, seed, { slice: 60, jitterMs: 5 })
    const { api, connection } = connect(faulty, { url: line.url })
    const internal = { code: 'INTERNAL', incident: expect.any(String), message: expect.stringMatching(/^internal/) }

    for (const fault of ['throws', 'rejects', 'isUndefined', 'isNotWhatItSays', 'cannotBeSent'] as const) {
      expect((await safe(api[fault]() as Promise<unknown>)).error, fault).toMatchObject(internal)
    }
    expect(await api.answersTwice()).toBe('first')
    expect(await api.blocks()).toBe('at last')
    const items: number[] = []
    const breaking = (async () => {
      for await (const item of api.breaksOff()) items.push(item)
    })()
    await expect(breaking).rejects.toMatchObject(internal)
    expect(items).toEqual([1, 2])
    const hanging = Array.from({ length: 4 }, () => safe(api.hangs(undefined, { timeout: 10_000 })))
    await until(() => server.stats().inFlight === 4, 'all slots taken')
    expect((await Promise.all(hanging)).map(({ error }) => (error as TautlineError).code)).toEqual(
      Array(4).fill('DEADLINE_EXCEEDED'),
    )
    // A handler that ignores its signal holds its slot for 60 s of the server's time, and no longer.
    await until(() => server.stats().inFlight === 0, 'free slots', 15_000)
    expect(await api.blocks()).toBe('at last')
    expect(told.map(String)).toEqual(expect.arrayContaining(['Error: thrown', 'Error: rejected', 'Error: broken off']))
    expect(line.dials).toBe(1)
    connection.close()
    await until(() => leftIn(server.stats()).length === 0 && line.connections === 0, 'nothing left')
    await Promise.all([server.close({ withinMs: 0 }), line.close()])
  })

  it('bits that turn on the way crash nobody: every call ends, with its answer or a typed error', {
    timeout: 60_000,
  }, async () => {
    const authenticate = () => ({ context: undefined })
    const limits = { messageMs: 1_000, heartbeatMs: 1_000, heartbeatAnswerMs: 1_000, resumeMs: 1_000 }
    const options = { port: 0, host: '127.0.0.1', limits, onError: () => undefined, authenticate }
    const server = await serve(
      arena,
      options,
      arenaHandlers(() => undefined),
    )
    const open = (flip: number) => Chaos.open(() => server.port ?? 0, seed, { flip, slice: 100 })
    const [bad, good] = [await open(0.03), await open(0)]
    const bystander = connect(arena, { url: good.url })
    let answers = 0
    const errors: unknown[] = []
    for (let round = 0; round < 12; round++) {
      const { api, connection } = connect(arena, { url: bad.url, timeout: 1_500, random: () => 0.05 })
      const log = api.log({ room: 'a' })
      log.subscribe(() => undefined, { onError: error => errors.push(error) })
      const calls = Array.from({ length: 8 }, (_, i) => safe(api.once({ call: `call ${i}`, ms: 5 })))
      const publishes = Array.from({ length: 8 }, (_, seq) => safe(log.publish({ producer: 'p', seq })))
      for (const { ok, error } of await Promise.all([...calls, ...publishes])) {
        if (ok) answers += 1
        else errors.push(error)
      }
      expect(await bystander.api.once({ call: 'well', ms: 0 })).toBe('well')
      connection.close()
    }
    expect(answers).toBeGreaterThan(0)
    expect(errors.length).toBeGreaterThan(0)
    for (const error of errors) expect(error).toBeInstanceOf(TautlineError)
    expect(good.dials).toBe(1)
    bystander.connection.close()
    bad.cut()
    await until(() => leftIn(server.stats()).length === 0, 'nothing left')
    await Promise.all([server.close({ withinMs: 0 }), bad.close(), good.close()])
  })
})

describe.each(SEEDS)('seed %i:', seed => {
  afterEach(() => vi.restoreAllMocks())

  it('a wall clock that jumps by hours, either way, changes nothing', { timeout: 60_000 }, async () => {
    const real = Date.now
    const world = new RealWorld(seed)
    const authenticate = ({ token }: { token: string | undefined }) => ({
      context: undefined,
      identity: token,
      expiresAt: Date.now() + 600_000,
    })
    const server = await world.serve({ authenticate })
    const line = await world.line(server)
    const [ada, bob] = [world.player('ada', line), world.player('bob', line)]
    await Promise.all([ada.subscribe('log', 'a'), bob.subscribe('newest', 'a')])
    let first: number | undefined
    for (const hours of [0, 1, -25, 0]) {
      vi.spyOn(Date, 'now').mockImplementation(() => real() + hours * 3_600_000)
      for (const player of [ada, bob]) {
        player.call('once', 5)
        player.publish('log', 'a', 10)
        player.publish('newest', 'a', 10)
        player.down(20)
      }
      await until(() => world.idle, 'all answers')
      const name = 'kept'
      if (first === undefined) world.record({ kind: 'called', call: name, idempotent: false })
      expect(await ada.api.once({ call: name, ms: 0 }, { idempotencyKey: 'key' })).toBe(name)
      if (first === undefined) world.record({ kind: 'settled', call: name, ok: true })
      first ??= hours
      // Nothing may come of it, at the next sweep neither.
      await pass(1_500)
      if (hours === 1) line.cut()
    }
    await world.rest()
    expect([ada.failures, bob.failures, line.dials, [...ada.gaps, ...bob.gaps].length]).toEqual([0, 0, 4, 0])
    expect(await world.finish()).toEqual(NOTHING_WRONG)
  })
})

/** Told over a careless channel: one change in ten comes twice, one in twenty up to 100 ms late. */
function careless(broker: Broker, random: () => number): { broker: Broker; end(): Promise<void> } {
  const toLender: ((message: unknown) => void)[] = []
  const toBorrower: ((message: unknown) => void)[] = []
  const tell = (message: object) => {
    for (const listener of toBorrower) listener(message)
  }
  const takeBack = lendBroker(broker, {
    send(message) {
      const late = 'feed' in message && random() < 0.05
      setTimeout(tell, late ? 100 * random() : 0, message)
      if ('feed' in message && random() < 0.1) setTimeout(tell, 50 * random(), message)
    },
    listen: listener => toLender.push(listener),
  })
  const borrowed = new RemoteBroker({
    send: message => {
      for (const listener of toLender) listener(message)
    },
    listen: listener => toBorrower.push(listener),
  })
  const end = async () => {
    takeBack()
    await broker.close()
  }
  return { broker: borrowed, end }
}

/** The machine's clock, so many times as fast. */
function hasty(times: number): Clock {
  return {
    ...systemClock,
    now: () => systemClock.now() * times,
    setTimeout: (run, ms) => systemClock.setTimeout(run, ms / times),
  }
}

const faulty = contract({
  throws: procedure({ output: z.string() }),
  rejects: procedure({ output: z.string() }),
  hangs: procedure({ output: z.string() }),
  answersTwice: procedure({ output: z.string() }),
  isUndefined: procedure({ output: z.string() }),
  isNotWhatItSays: procedure({ output: z.string() }),
  cannotBeSent: procedure({ output: z.any() }),
  blocks: procedure({ output: z.string() }),
  breaksOff: stream({ down: z.number() }),
})

const FAULTY = {
  throws(): string {
    throw new Error('thrown')
  },
  rejects: () => Promise.reject(new Error('rejected')),
  hangs: () => new Promise<string>(() => undefined),
  answersTwice: () =>
    new Promise<string>((resolve, reject) => {
      resolve('first')
      resolve('second')
      reject(new Error('third'))
    }),
  isUndefined: () => undefined as unknown as string,
  isNotWhatItSays: () => 7 as unknown as string,
  cannotBeSent: () => () => undefined,
  blocks() {
    const end = performance.now() + 200
    while (performance.now() < end);
    return 'at last'
  },
  async *breaksOff() {
    yield 1
    yield 2
    throw new Error('broken off')
  },
}
