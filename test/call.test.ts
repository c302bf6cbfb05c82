import { safe, TautlineError } from '@tautline/client'
import { describe, expect, it } from 'vitest'
import { desk, deskOn } from './support/desk.ts'
import { TRANSPORTS } from './support/pair.ts'

describe.each(TRANSPORTS)('calls on %s', transport => {
  it('come back with their answers, each its own', async () => {
    const { pair } = await deskOn(transport)
    const { api } = pair.client()
    const texts = Array.from({ length: 300 }, (_, i) => `text ${i}`)
    const answers = await pair.wait(Promise.all(texts.map(text => api.say(text))))
    expect(answers).toEqual(texts)
    await pair.end()
  })

  it('carry every value that the wire knows', async () => {
    const { pair } = await deskOn(transport)
    const { api } = pair.client()
    const value = {
      nil: null,
      yes: true,
      integers: [0, -1, 127, 128, 65_536, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
      floats: [0.5, -1e300, Number.POSITIVE_INFINITY],
      text: 'naïve — 🎈',
      bytes: new Uint8Array([0, 255]),
      date: new Date(1_700_000_000_123),
      big: 2n ** 100n,
      map: new Map<unknown, unknown>([
        [1, 'one'],
        ['two', new Set([2])],
      ]),
      deep: { er: [{ and: { deeper: [] } }] },
    }
    expect(await pair.wait(api.mirror(value))).toEqual(value)
    expect(await pair.wait(api.mirror({ kept: 1, dropped: undefined }))).toEqual({ kept: 1 })
    await pair.end()
  })

  it('run a transform once each way', async () => {
    const { pair } = await deskOn(transport)
    const { api } = pair.client()
    expect(await pair.wait(api.parsed('42'))).toBe('42!')
    await pair.end()
  })

  it('reject with the error that the contract declares, its data and its message', async () => {
    const { pair } = await deskOn(transport)
    const { api } = pair.client()
    const taken = await pair.wait(safe(api.book({ text: 'taken' })))
    if (taken.ok || taken.error.code !== 'TAKEN') throw new Error('it was not taken')
    expect(taken.error).toBeInstanceOf(TautlineError)
    expect(taken.error.data.until).toEqual(new Date(7))
    expect(taken.error.message).toBe('by somebody')
    const shut = await pair.wait(safe(api.book({ text: 'shut' })))
    expect(shut.error).toMatchObject({ code: 'SHUT' })
    const missing = await pair.wait(safe(api.book({ text: 'missing' })))
    expect(missing.error).toMatchObject({ code: 'NOT_FOUND', message: 'no such desk' })
    expect(await pair.wait(safe(api.book({ text: 'free' })))).toEqual({ ok: true, value: { id: 4 } })
    await pair.end()
  })

  it('tell nothing of what a handler threw by mistake but an incident', async () => {
    const told: [unknown, string][] = []
    const { pair } = await deskOn(transport, { onError: (error, { incident }) => told.push([error, incident]) })
    const { api } = pair.client()
    const { error } = await pair.wait(safe(api.book({ text: 'broken' })))
    expect(error).toMatchObject({ code: 'INTERNAL', incident: told[0]?.[1] })
    expect(`${error?.message}${error?.stack}${JSON.stringify(error)}`).not.toContain('hunter2')
    expect(told).toMatchObject([[{ message: 'password=hunter2' }, expect.any(String)]])
    await pair.end()
  })

  it('are refused by the server too, when the client has no schemas', async () => {
    const { outlineOf } = await import('@tautline/core')
    const { pair } = await deskOn(transport)
    const { api } = pair.other(outlineOf(desk) as unknown as typeof desk)
    const { error } = await pair.wait(safe(api.book({ text: 12 as never })))
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', issues: [{ path: ['text'] }] })
    await pair.end()
  })

  it('of an entry that the server does not have are UNIMPLEMENTED, and the skew is told', async () => {
    const { contract, procedure } = await import('@tautline/core')
    const { pair } = await deskOn(transport)
    const newer = pair.other(contract({ brandNew: procedure({}), say: desk.say }))
    const skews: unknown[] = []
    newer.connection.on('skew', skew => skews.push(skew))
    expect((await pair.wait(safe(newer.api.brandNew()))).error).toMatchObject({ code: 'UNIMPLEMENTED' })
    expect(await pair.wait(newer.api.say('still'))).toBe('still')
    expect(skews).toHaveLength(1)
    await pair.end()
  })

  it('that are larger than the server takes fail alone, before anything is sent', async () => {
    const { pair, desk } = await deskOn(transport)
    const { api } = pair.client()
    await pair.wait(api.say('hello'))
    const { error } = await pair.wait(safe(api.ask('x'.repeat(1_048_577))))
    expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED' })
    expect(desk.begun).toHaveLength(0)
    expect((await pair.wait(api.mirror('x'.repeat(1_048_000)))) as string).toHaveLength(1_048_000)
    await pair.end()
  })

  it('beyond what the server takes at once wait for their turn', async () => {
    const { pair, desk } = await deskOn(transport, { limits: { calls: 3 } })
    const { api } = pair.client()
    const answers = Promise.all(Array.from({ length: 10 }, (_, i) => api.ask(`${i}`)))
    for (let i = 0; i < 10; i++) {
      await pair.until(() => expect(desk.begun.length).toBeGreaterThan(i))
      expect(desk.begun.length).toBeLessThanOrEqual(i + 3)
      desk.begun[i]?.answer(`answer ${i}`)
    }
    expect(await pair.wait(answers)).toEqual(Array.from({ length: 10 }, (_, i) => `answer ${i}`))
    await pair.end()
  })

  it('carry headers, changed by interceptors on the way', async () => {
    const { pair } = await deskOn(transport)
    const { api } = pair.client({
      interceptors: [(call, next) => next({ headers: { heading: `${call.entry.path}!` } })],
    })
    expect(await pair.wait(api.heading(undefined, { headers: { heading: 'lost' } }))).toBe('heading!')
    await pair.end()
  })

  it('with one key have one run and one outcome', async () => {
    const { pair, desk } = await deskOn(transport, { authenticate: () => ({ context: undefined, identity: 'ada' }) })
    const [one, other] = [pair.client(), pair.client()]
    const first = one.api.ask('a', { idempotencyKey: 'k' })
    await pair.until(() => desk.begun.length === 1)
    const second = other.api.ask('a', { idempotencyKey: 'k' })
    await pair.pass(50)
    desk.last.answer('once')
    expect(await pair.wait(Promise.all([first, second]))).toEqual(['once', 'once'])
    expect(desk.begun).toHaveLength(1)
    await pair.end()
  })

  it('fail when the connection is closed under them, and say that they may have run', async () => {
    const { pair, desk } = await deskOn(transport)
    const { api, connection } = pair.client()
    const call = safe(api.ask('a'))
    await pair.until(() => desk.begun.length === 1)
    connection.close()
    expect((await pair.wait(call)).error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    await pair.until(() => expect(desk.last.signal.aborted).toBe(true))
    await pair.end()
  })
})
