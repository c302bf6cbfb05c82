import { safe } from '@tautline/client'
import { describe, expect, it } from 'vitest'
import { deskOn } from './support/desk.ts'
import { TRANSPORTS } from './support/pair.ts'

describe.each(TRANSPORTS)('a connection that breaks on %s', transport => {
  it('gives calls in flight their own answer, from the one run they had', async () => {
    const { pair, desk } = await deskOn(transport)
    const client = pair.client()
    const calls = Promise.all([client.api.ask('a'), client.api.ask('b')])
    await pair.until(() => desk.begun.length === 2)
    desk.begun[0]?.answer('A')
    client.cut()
    desk.begun[1]?.answer('B')
    expect(await pair.wait(calls)).toEqual(['A', 'B'])
    expect(desk.begun).toHaveLength(2)
    expect(pair.server.stats().sessions.attached).toBe(1)
    await pair.end()
  })

  it('again and again lets a stream go on, every item once and in order', async () => {
    const { pair } = await deskOn(transport)
    const client = pair.client()
    const items: number[] = []
    const looping = (async () => {
      for await (const item of client.api.count(20_000)) {
        items.push(item)
        if (item % 4_000 === 17) client.cut()
      }
    })()
    await pair.wait(looping)
    expect(items).toHaveLength(20_000)
    expect(items.every((item, i) => item === i + 1)).toBe(true)
    // A goodbye needs a line to be said on.
    expect(await pair.wait(client.api.say('here'))).toBe('here')
    await pair.end()
  })

  it('again and again lets an upload go on, every byte once', async () => {
    const { pair } = await deskOn(transport)
    const client = pair.client()
    const up = (function* () {
      for (let i = 0; i < 500; i++) yield new Uint8Array(10_000)
    })()
    const uploading = client.api.upload(undefined, { up })
    let nextCut = 1_000_000
    const looping = (async () => {
      for await (const { received } of uploading) {
        if (received < nextCut) continue
        nextCut += 1_000_000
        client.cut()
      }
    })()
    await pair.wait(looping)
    expect(await pair.wait(uploading.result)).toEqual({ bytes: 5_000_000 })
    expect(await pair.wait(client.api.say('here'))).toBe('here')
    await pair.end()
  })

  it('delivers a cancel that was made while it was away', async () => {
    const { pair, desk } = await deskOn(transport)
    const client = pair.client()
    const controller = new AbortController()
    const call = safe(client.api.ask('a', { signal: controller.signal }))
    await pair.until(() => desk.begun.length === 1)
    client.cut()
    controller.abort()
    expect((await pair.wait(call)).error).toMatchObject({ code: 'CANCELLED', mayHaveRun: true })
    await pair.until(() => desk.last.signal.aborted)
    await pair.end()
  })

  it('sends what was called while it was away', async () => {
    const { pair, desk } = await deskOn(transport)
    const client = pair.client({ random: () => 0.1 })
    await pair.wait(client.api.say('hello'))
    client.away(true)
    client.cut()
    await pair.until(() => client.connection.state.status === 'waiting')
    const call = client.api.say('still here')
    client.away(false)
    expect(await pair.wait(call)).toBe('still here')
    expect(desk.begun).toHaveLength(0)
    await pair.end()
  })

  it('to a server that was restarted calls anew what may run twice, fails the rest, and sends what never left', async () => {
    const { pair, desk } = await deskOn(transport)
    const client = pair.client({ random: () => 0.1 })
    const once = safe(client.api.ask('once'))
    const again = client.api.askAgain('again')
    const watching = client.api.watch('stream')[Symbol.asyncIterator]()
    const item = watching.next()
    item.catch(() => undefined)
    await pair.until(() => desk.begun.length === 3)
    const [, first] = desk.begun
    client.away(true)
    client.cut()
    await pair.until(() => client.connection.state.status !== 'online')
    await pair.restart()
    const late = client.api.say('late')
    client.away(false)
    await pair.until(() => desk.begun.length === 4)
    expect(desk.last.input).toBe('again')
    desk.last.answer('twice')
    expect((await pair.wait(once)).error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    await expect(pair.wait(item)).rejects.toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    expect(await pair.wait(again)).toBe('twice')
    expect(await pair.wait(late)).toBe('late')
    expect(first?.signal.aborted).toBe(true)
    await pair.end()
  })

  it('for longer than the server waits fails what was in flight, and stops its handler', async () => {
    const { pair, desk } = await deskOn(transport, { limits: { resumeMs: 300 } })
    const client = pair.client({ random: () => 0.1 })
    const call = safe(client.api.ask('a', { timeout: 60_000 }))
    await pair.until(() => desk.begun.length === 1)
    client.away(true)
    client.cut()
    expect((await pair.wait(call)).error).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    await pair.until(() => desk.last.signal.aborted)
    client.away(false)
    expect(await pair.wait(client.api.say('back'))).toBe('back')
    await pair.end()
  })
})
