import { safe } from '@tautline/client'
import { describe, expect, it } from 'vitest'
import { deskOn } from './support/desk.ts'
import { TRANSPORTS } from './support/pair.ts'

describe.each(TRANSPORTS)('cancelling on %s', transport => {
  it('a call fires the signal of its handler', async () => {
    const { pair, desk } = await deskOn(transport)
    const { api } = pair.client()
    const controller = new AbortController()
    const call = safe(api.ask('a', { signal: controller.signal }))
    await pair.until(() => desk.begun.length === 1)
    controller.abort('enough')
    expect((await pair.wait(call)).error).toMatchObject({ code: 'CANCELLED', mayHaveRun: true, cause: 'enough' })
    await pair.until(() => desk.last.signal.aborted)
    await pair.end()
  })

  it('a call whose answer is under way loses to the answer or to the signal, never both', async () => {
    const { pair, desk } = await deskOn(transport)
    const { api } = pair.client()
    for (let i = 0; i < 20; i++) {
      const controller = new AbortController()
      let settled = 0
      const call = safe(api.ask(`${i}`, { signal: controller.signal })).finally(() => {
        settled += 1
      })
      await pair.until(() => desk.begun.length === i + 1)
      desk.last.answer('done')
      if (i % 2) await Promise.resolve()
      controller.abort()
      const { ok, error } = await pair.wait(call)
      expect(ok || error?.code === 'CANCELLED').toBe(true)
      expect(settled).toBe(1)
    }
    await pair.end()
  })

  it('a stream by leaving its loop stops the handler', async () => {
    const { pair, desk } = await deskOn(transport)
    const { api } = pair.client()
    const pouring = api.pour(100)
    const looping = (async () => {
      let chunks = 0
      for await (const _ of pouring) {
        chunks += 1
        if (chunks === 10) break
      }
      return chunks
    })()
    expect(await pair.wait(looping)).toBe(10)
    await pair.until(() => desk.stopped)
    expect((await pair.wait(safe(pouring.result))).error).toMatchObject({ code: 'CANCELLED' })
    await pair.end()
  })

  it('a stream by throwing in its loop stops the handler too', async () => {
    const { pair, desk } = await deskOn(transport)
    const { api } = pair.client()
    const looping = (async () => {
      for await (const _ of api.pour(100)) throw new Error('mine')
    })()
    await expect(pair.wait(looping)).rejects.toThrow('mine')
    await pair.until(() => desk.stopped)
    await pair.end()
  })

  it('a stream by its signal ends its loop and stops the handler', async () => {
    const { pair, desk } = await deskOn(transport)
    const { api } = pair.client()
    const controller = new AbortController()
    let chunks = 0
    const looping = (async () => {
      for await (const _ of api.pour(100, { signal: controller.signal })) {
        chunks += 1
        if (chunks === 5) controller.abort()
      }
    })()
    await expect(pair.wait(looping)).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(chunks).toBe(5)
    await pair.until(() => desk.stopped)
    await pair.end()
  })

  it('a stream of items up closes the source', async () => {
    const { pair, desk } = await deskOn(transport)
    const { api } = pair.client()
    let closed = false
    const up = (function* () {
      try {
        for (;;) yield new Uint8Array(1_000)
      } finally {
        closed = true
      }
    })()
    let seen = 0
    const looping = (async () => {
      for await (const { received } of api.upload(undefined, { up })) {
        seen = received
        if (received >= 50_000) break
      }
    })()
    await pair.wait(looping)
    expect(seen).toBe(50_000)
    await pair.until(() => closed && pair.server.stats().inFlight === 0)
    const { uploaded } = desk
    await pair.pass(50)
    expect(desk.uploaded).toBe(uploaded)
    await pair.end()
  })
})
