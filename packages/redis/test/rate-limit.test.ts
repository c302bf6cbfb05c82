import { connect, safe, TautlineError } from '@tautline/client'
import { contract, procedure } from '@tautline/core'
import { anyone, serve } from '@tautline/server'
import { rateLimit } from '@tautline/server/rate-limit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import * as z from 'zod'
import { pass, until } from '../../../test/support/house.ts'
import { type RedisBroker, redis } from '../src/redis.ts'
import { RedisCluster } from './support/redis-cluster.ts'
import { RedisServer, tool } from './support/redis-server.ts'

const desk = contract({ look: procedure({ output: z.string() }) })

tool.describe('a rate limit on Redis', () => {
  const ends: (() => Promise<unknown> | unknown)[] = []
  const told: unknown[] = []
  let engine: RedisServer

  beforeEach(async () => {
    engine = await RedisServer.start()
    told.length = 0
  })

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end()
    await engine.end()
  })

  function open(client = engine.client()): RedisBroker {
    const broker = redis(client)
    ends.push(() => broker.close())
    return broker
  }

  /** A server of its own, and what one of its clients is answered. */
  async function serveOn(broker: RedisBroker, points: number, seconds: number) {
    const onError = (error: unknown) => told.push(error)
    const limit = rateLimit({ points, seconds, by: () => 'everybody', counts: broker.counts('look'), onError })
    const options = { port: 0, host: '127.0.0.1', broker, authenticate: anyone, interceptors: [limit], onError }
    const server = await serve(desk, options, { look: () => 'seen' })
    ends.push(() => server.close({ withinMs: 0 }))
    const { api, connection } = connect(desk, { url: server.url ?? '' })
    ends.push(() => connection.close())
    return async () => {
      const answer = await safe(api.look())
      return answer.ok ? answer.value : answer.error
    }
  }

  test('is that of all servers together, and its points come back', async () => {
    const [here, there] = await Promise.all([serveOn(open(), 4, 3), serveOn(open(), 4, 3)])
    const answers = [await here(), await there(), await here(), await there()]
    expect(answers).toEqual(Array(4).fill('seen'))
    let waitMs = 0
    for (const ask of [here, there]) {
      const refused = await ask()
      expect(refused).toMatchObject({ code: 'RESOURCE_EXHAUSTED', retryAfterMs: expect.any(Number) })
      waitMs = (refused as TautlineError).retryAfterMs ?? 0
      expect(waitMs).toBeGreaterThan(0)
      expect(waitMs).toBeLessThanOrEqual(3_000)
    }
    await pass(waitMs + 10)
    for (const ask of [here, there]) expect(await ask()).toBe('seen')
    expect(told).toEqual([])
  })

  test('lets exactly so many pass of those that ask at the same time, everywhere', async () => {
    const servers = await Promise.all([1, 2, 3].map(() => serveOn(open(), 50, 100)))
    const answers = await Promise.all(Array.from({ length: 120 }, (_, i) => servers[i % 3]?.()))
    expect(answers.filter(answer => answer === 'seen')).toHaveLength(50)
  })

  test('leaves nothing in the engine for ever, and keeps apart what has other names', async () => {
    const broker = open()
    await broker.counts('a').add('x', 1, 10)
    await broker.counts('a').add('x', 0.5, 10)
    expect(await broker.counts('b').add('x', 1, 10)).toEqual({ points: 1, leftMs: 10_000 })
    expect(await broker.counts('a').add('x', 1, 10)).toEqual({ points: 2.5, leftMs: expect.closeTo(10_000, -3) })
    for (const key of await engine.admin.keys('*')) expect(await engine.admin.pttl(key)).toBeGreaterThan(0)
    for (const name of ['', 'a b', '{x}', 'x'.repeat(65)]) expect(() => broker.counts(name)).toThrow(/name of a limit/)
  })

  test('is each server’s own while the engine is away, which is told once', {
    timeout: 20_000,
  }, async () => {
    const [here, there] = await Promise.all([serveOn(open(), 3, 1_000), serveOn(open(), 3, 1_000)])
    expect(await here()).toBe('seen')
    await engine.kill()
    await pass(50)
    for (const ask of [here, there]) {
      for (let i = 0; i < 3; i++) expect(await ask()).toBe('seen')
      expect(await ask()).toMatchObject({ code: 'RESOURCE_EXHAUSTED' })
    }
    expect(told.filter(error => error instanceof TautlineError)).toHaveLength(2)
    expect(told).toHaveLength(2)
  })

  test('makes nobody wait for long for an engine that says nothing', { timeout: 20_000 }, async () => {
    const ask = await serveOn(open(), 1_000, 1_000)
    expect(await ask()).toBe('seen')
    engine.signal('SIGSTOP')
    try {
      const began = performance.now()
      for (let i = 0; i < 20; i++) expect(await ask()).toBe('seen')
      expect(performance.now() - began).toBeLessThan(3_000)
    } finally {
      engine.signal('SIGCONT')
    }
  })

  test('counts on a cluster, too', { timeout: 30_000 }, async () => {
    const cluster = await RedisCluster.start()
    ends.push(() => cluster.end())
    const brokers = [open(cluster.client() as never), open(cluster.client() as never)]
    await until(() => brokers.every(({ status }) => status === 'up'), 'the cluster')
    const counts = brokers.map(broker => broker.counts('a'))
    for (const name of ['x', 'y', 'z', '{x}', '}{']) {
      expect((await counts[0]?.add(name, 2, 10))?.points).toBe(2)
      expect((await counts[1]?.add(name, 1, 10))?.points).toBe(3)
    }
  })
})
