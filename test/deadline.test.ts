import { safe } from '@tautline/client'
import { describe, expect, it } from 'vitest'
import { deskOn } from './support/desk.ts'
import { TRANSPORTS } from './support/pair.ts'

describe.each(TRANSPORTS)('deadlines on %s', transport => {
  it('end a call at both ends', async () => {
    const { pair, desk } = await deskOn(transport)
    const { api } = pair.client()
    await pair.wait(api.say('hello'))
    const call = safe(api.ask('a', { timeout: 1_000 }))
    await pair.until(() => desk.begun.length === 1)
    expect(desk.last.deadline).toBeTypeOf('number')
    expect((await pair.wait(call)).error).toMatchObject({ code: 'DEADLINE_EXCEEDED', mayHaveRun: true })
    await pair.until(() => desk.last.signal.aborted)
    await pair.end()
  })

  it('are those of the entry, unless the call has its own', async () => {
    const { pair, desk } = await deskOn(transport)
    const { api } = pair.client()
    await pair.wait(api.say('hello'))
    const quick = safe(api.quick('a'))
    const patient = safe(api.quick('b', { timeout: 60_000 }))
    expect((await pair.wait(quick)).error).toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    await pair.pass(100)
    desk.last.answer('late')
    expect(await pair.wait(patient)).toEqual({ ok: true, value: 'late' })
    await pair.end()
  })

  it('hold for the whole of a stream, and streams that name none have none', async () => {
    const { pair, desk } = await deskOn(transport)
    const { api } = pair.client()
    await pair.wait(api.say('hello'))
    const looping = (async () => {
      const items: string[] = []
      for await (const item of api.watch('a', { timeout: 1_000 })) items.push(item)
      return items
    })()
    const endless = api.watch('b')[Symbol.asyncIterator]()
    const first = endless.next()
    await pair.until(() => desk.begun.length === 2)
    const [short, long] = desk.begun
    short?.yield('one')
    expect([short?.deadline, long?.deadline]).toEqual([expect.any(Number), undefined])
    await expect(pair.wait(looping)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    await pair.until(() => short?.signal.aborted)
    long?.yield('still there')
    expect(await pair.wait(first)).toEqual({ done: false, value: 'still there' })
    await endless.return?.()
    await pair.end()
  })

  it('hold for what never left, which did not run', async () => {
    const { pair, desk } = await deskOn(transport)
    const client = pair.client({ random: () => 0.5 })
    client.away(true)
    const call = safe(client.api.ask('a', { timeout: 200 }))
    expect((await pair.wait(call)).error).toMatchObject({ code: 'DEADLINE_EXCEEDED', mayHaveRun: false })
    expect(desk.begun).toHaveLength(0)
    await pair.end()
  })
})
