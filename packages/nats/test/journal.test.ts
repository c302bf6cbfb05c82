import { type Clock, systemClock } from '@tautline/core/wire'
import { randomFrom } from '@tautline/testing'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EngineClock } from '../src/engine-clock.ts'
import { Journal } from '../src/journal.ts'
import { beforeOf } from '../src/record.ts'
import { changesOf } from '../src/told.ts'
import { FakeStream, type Faults } from './support/fake-stream.ts'

const ALL = { messages: 10_000, bytes: 10_000_000 }
const COUNT = 20
const KEYS = 30

/** One process's way through a channel. */
interface Process {
  readonly journal: Journal
  readonly random: () => number
  /** The newest offset that any process was told of. */
  readonly told: { head: number }
}

describe.each(['log', 'latest'] as const)('several processes that write a %s at once', kind => {
  const limits = { count: COUNT, ms: Number.POSITIVE_INFINITY, bytes: 1_000_000 }
  // Pauses are as short as everything else here, so that all of it gets mixed.
  const clock: Clock = { ...systemClock, setTimeout: run => void Promise.resolve().then(run) }
  const open = (store: FakeStream) =>
    new Journal('subject', kind, limits, { store, engineClock: new EngineClock(clock), clock })

  /** What one process does, one after the other; returns what was acknowledged, by offset. */
  async function run({ journal, random, told }: Process, name: number, steps: number): Promise<Map<number, string>> {
    const acknowledged = new Map<number, string>()
    for (let step = 0; step < steps; step++) {
      const key = `k${Math.floor(KEYS * random())}`
      const text = `${name} ${step}`
      const isRetraction = kind === 'latest' && random() < 0.2
      const idempotencyKey = random() < 0.1 ? `once ${Math.floor(5 * random())}` : undefined
      const body = isRetraction ? undefined : new TextEncoder().encode(text)
      const { head } = told
      const position = await journal.publish({ key, body, idempotencyKey }).catch(() => undefined)
      // What somebody was told of before is known to whoever decides afterwards.
      if (position && idempotencyKey === undefined) expect(position[1]).toBeGreaterThanOrEqual(head)
      told.head = Math.max(told.head, position?.[1] ?? 0)
      if (position && body && idempotencyKey === undefined) acknowledged.set(position[1], `${key}=${text}`)
      if (random() < 0.1) await journal.read({ after: Math.floor(step * random()) }, { messages: 5, bytes: 1_000 })
      if (random() < 0.05) await journal.position()
    }
    return acknowledged
  }

  /** What has to be there, if everything that was stored is true. */
  function expectedOf(stream: FakeStream): string[] {
    const all = stream.history.flatMap(({ record, bodies }) => changesOf(record, bodies))
    if (kind === 'log') return all.slice(-COUNT).map(short)
    const newest = new Map<string, string>()
    for (const change of all) {
      newest.delete(change.key ?? '')
      newest.set(change.key ?? '', short(change))
    }
    return [...newest.values()]
  }

  async function play(seed: number, faults: Faults): Promise<void> {
    const stream = new FakeStream(randomFrom(seed), faults)
    const told = { head: 0 }
    const processes = [1, 2, 3].map(i => ({ journal: open(stream), random: randomFrom(seed + i), told }))
    for (const { journal } of processes) stream.listen(stored => journal.heard(stored))
    const acknowledged = await Promise.all(processes.map((process, i) => run(process, i, 80)))

    // Nobody got what another one has, all epochs are one, and no offset is left out or there twice.
    const records = stream.history.map(({ record }) => record)
    expect(new Set(records.map(({ epoch }) => epoch)).size).toBe(1)
    for (const [i, record] of records.entries()) expect(beforeOf(record)).toBe(records[i - 1]?.head ?? 0)
    const keys = records.flatMap(({ entries }) => entries.map(entry => entry.kind === 'message' && entry.once))
    const once = keys.filter(key => typeof key === 'string')
    expect(new Set(once).size).toBe(once.length)
    const stored = new Map(
      stream.history.flatMap(({ record, bodies }) => changesOf(record, bodies)).map(each => [each.offset, short(each)]),
    )
    // What is refused is stored by nobody, or found again: it is not published twice.
    const texts = [...stored.values()].filter(text => text.includes('=')).map(text => text.split('=')[1])
    expect(new Set(texts).size).toBe(texts.length)
    for (const each of acknowledged) {
      for (const [offset, text] of each) expect(stored.get(offset)).toBe(`${offset} ${text}`)
    }

    const expected = expectedOf(stream)
    const pages = [...processes.map(({ journal }) => journal), open(stream)].map(journal =>
      journal.read({ after: 0 }, ALL),
    )
    for (const { changes } of await Promise.all(pages)) expect(changes.map(short)).toEqual(expected)
    expect(stream.size).toBeLessThan(expected.length + 250)
  }

  test('lose nothing, repeat nothing, and know the same', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), seed => play(seed, { lostAcks: 0, lostNews: 0 })),
      { numRuns: 15 },
    )
  })

  test('begin a new epoch where the engine gave one place to two', async () => {
    const stream = new FakeStream(randomFrom(1), { lostAcks: 0, lostNews: 1 })
    const [a, b] = [open(stream), open(stream)]
    const publish = (journal: Journal, text: string) =>
      journal.publish({ key: text, body: new TextEncoder().encode(text) })
    const [before] = await publish(a, 'one')
    await b.position()
    stream.isLax = true
    expect(await publish(a, 'two')).toEqual([before, 2])
    expect(await publish(b, 'another two')).toEqual([before, 2])
    stream.isLax = false
    const [epoch] = await a.position()
    expect(epoch).not.toBe(before)
    expect(await b.position()).toEqual([epoch, 0])
    expect(await publish(b, 'three')).toEqual([epoch, 1])
    expect(await a.position()).toEqual([epoch, 1])
  })

  test('know what somebody else was told of, where the server lags that they ask', async () => {
    const stream = new FakeStream(randomFrom(1), { lostAcks: 0, lostNews: 1 })
    const [a, b] = [open(stream), open(stream)]
    const publish = (key: string) => a.publish({ key, body: new TextEncoder().encode(key) })
    for (const key of ['one', 'two', 'three']) await publish(key)
    const [epoch] = await publish('four')
    stream.lag = 2
    for (const journal of [b, open(stream)]) {
      expect(await journal.read({ after: 4 }, ALL)).toMatchObject({ epoch, after: 4, through: 4, head: 4 })
    }
  })

  test('drop no idempotency key that only others know', async () => {
    const stream = new FakeStream(randomFrom(1), { lostAcks: 0, lostNews: 1 })
    const publish = (journal: Journal, key: string, idempotencyKey?: string) =>
      journal.publish({ key, body: new TextEncoder().encode(key), idempotencyKey })
    const [a, b, c] = [open(stream), open(stream), open(stream)]
    const first = await publish(a, 'once', 'once')
    await publish(a, 'again')
    for (let i = 0; i < 200; i++) await publish(b, `k${i % KEYS}`)
    expect(await publish(c, 'once', 'once')).toEqual(first)
  })

  test('keep to their epoch where a server that no longer decides knows only what was', async () => {
    const stream = new FakeStream(randomFrom(1), { lostAcks: 0, lostNews: 1 })
    const [a, b] = [open(stream), open(stream)]
    const publish = (key: string) => a.publish({ key, body: new TextEncoder().encode(key) })
    for (const key of ['one', 'two', 'three']) await publish(key)
    const [epoch] = await b.position()
    stream.lag = stream.stale = 2
    expect(await b.position()).toEqual([epoch, 3])
    stream.lag = 0
    expect(await publish('four')).toEqual([epoch, 4])
    expect(await b.position()).toEqual([epoch, 4])
  })

  test('publish nothing twice where a server refuses what another one stores', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), seed => play(seed, { lostAcks: 0.05, lostNews: 0.2, refusals: 0.1 })),
      { numRuns: 15 },
    )
  })

  test('also where answers and news are lost', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), seed => play(seed, { lostAcks: 0.1, lostNews: 0.2 })),
      { numRuns: 15 },
    )
  })
})

function short(change: { offset: number; key?: string | undefined; body?: Uint8Array | undefined }): string {
  const { offset, key, body } = change
  return body ? `${offset} ${key}=${new TextDecoder().decode(body)}` : `${offset} ${key} gone`
}
