import { describe, expect, it } from 'vitest'
import { Fleet } from './support/fleet.ts'
import { TRANSPORTS } from './support/pair.ts'

describe.each(TRANSPORTS)('a server that is replaced on %s', transport => {
  it('for 20 rounds fails no call', { timeout: 60_000 }, async () => {
    const fleet = new Fleet(transport)
    await fleet.replace()
    const clients = Array.from({ length: 5 }, () => fleet.client({ random: () => 0.01 }))
    const failures: unknown[] = []
    let calls = 0
    let over = false
    const calling = clients.map(async ({ api }, i) => {
      while (!over) {
        const text = `${i} ${calls}`
        calls += 1
        try {
          expect(await api.say(text)).toBe(text)
        } catch (error) {
          failures.push(error)
        }
        await new Promise(resolve => (fleet.virtual ?? globalThis).setTimeout(() => resolve(undefined), 3))
      }
    })
    for (let round = 1; round <= 20; round++) {
      while (calls < round * 20) await fleet.pass(5)
      await fleet.replace()
    }
    over = true
    await fleet.wait(Promise.all(calling))
    expect(failures).toEqual([])
    expect(calls).toBeGreaterThan(400)
    for (const { connection } of clients) connection.close()
    await fleet.end()
  })

  it('lets a call and a stream that are open come to their end, while new calls go to the next one', async () => {
    const fleet = new Fleet(transport)
    await fleet.replace()
    const { api, connection } = fleet.client()
    const call = api.ask('a')
    const items: string[] = []
    const looping = (async () => {
      for await (const item of api.watch('b')) items.push(item)
    })()
    while (fleet.desk.begun.length < 2) await fleet.pass(5)
    const [asked, watched] = fleet.desk.begun
    watched?.yield('one')
    const replaced = fleet.replace()
    expect(await fleet.wait(api.say('new'))).toBe('new')
    await fleet.pass(200)
    expect(await fleet.wait(api.say('newer'))).toBe('newer')
    watched?.yield('two')
    watched?.answer('')
    asked?.answer('A')
    expect(await fleet.wait(call)).toBe('A')
    await fleet.wait(looping)
    expect(items).toEqual(['one', 'two'])
    await fleet.wait(replaced)
    expect(connection.state.status).toBe('online')
    connection.close()
    await fleet.end()
  })

  it('ends a stream that never would with UNAVAILABLE, in time', async () => {
    const fleet = new Fleet(transport)
    await fleet.replace()
    const { api, connection } = fleet.client()
    const next = api.watch('b')[Symbol.asyncIterator]().next()
    next.catch(() => undefined)
    while (fleet.desk.begun.length < 1) await fleet.pass(5)
    await fleet.replace(1_000)
    await expect(fleet.wait(next)).rejects.toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true })
    expect(fleet.desk.last.signal.aborted).toBe(true)
    connection.close()
    await fleet.end()
  })
})
