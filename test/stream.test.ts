import { queue, safe } from '@tautline/client'
import { describe, expect, it } from 'vitest'
import { deskOn } from './support/desk.ts'
import { TRANSPORTS } from './support/pair.ts'

async function read<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = []
  for await (const item of items) all.push(item)
  return all
}

const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1)

describe.each(TRANSPORTS)('streams on %s', transport => {
  it('bring their items in order, then the result', async () => {
    const { pair } = await deskOn(transport)
    const rows = pair.client().api.count(5_000)
    expect(await pair.wait(read(rows))).toEqual(upTo(5_000))
    expect(await pair.wait(rows.result)).toEqual({ count: 5_000 })
    await pair.end()
  })

  it('give the result to whoever wants no items', async () => {
    const { pair } = await deskOn(transport)
    const { api } = pair.client()
    expect(await pair.wait(api.count(50_000).result)).toEqual({ count: 50_000 })
    await pair.end()
  })

  it('make little more than a window of what a slow reader has not read', async () => {
    const { pair, desk } = await deskOn(transport)
    const { api } = pair.client()
    const chunks = api.pour(10_000)[Symbol.asyncIterator]()
    for (let i = 0; i < 10; i++) await pair.wait(chunks.next())
    await pair.pass(200)
    expect(desk.poured * 10_000).toBeLessThan(262_144 + 15 * 10_000)
    const { poured } = desk
    for (let i = 0; i < 100; i++) await pair.wait(chunks.next())
    expect(desk.poured - poured).toBeGreaterThan(80)
    await chunks.return?.()
    await pair.end()
  })

  it('pull little more than a window from a source that the handler does not read', async () => {
    const { pair, desk } = await deskOn(transport)
    const { api } = pair.client()
    let go: () => void = () => undefined
    desk.hold = new Promise(resolve => {
      go = resolve
    })
    let pulled = 0
    const up = (function* () {
      for (; pulled < 200; pulled++) yield new Uint8Array(10_000)
    })()
    const uploading = api.upload(undefined, { up })
    const result = pair.wait(uploading.result)
    await pair.pass(300)
    expect(pulled).toBeGreaterThan(10)
    expect(pulled * 10_000).toBeLessThan(262_144 + 5 * 10_000)
    go()
    expect(await result).toEqual({ bytes: 2_000_000 })
    await pair.end()
  })

  it('go up and down at once, pushed by hand', async () => {
    const { pair } = await deskOn(transport)
    const { api } = pair.client()
    const chunks = queue<Uint8Array<ArrayBuffer>>()
    const uploading = api.upload(undefined, { up: chunks })
    const progress = uploading[Symbol.asyncIterator]()
    for (let i = 1; i <= 5; i++) {
      expect(await chunks.push(new Uint8Array(100))).toBe(true)
      expect(await pair.wait(progress.next())).toEqual({ done: false, value: { received: i * 100 } })
    }
    chunks.end()
    expect(await pair.wait(progress.next())).toEqual({ done: true, value: { bytes: 500 } })
    expect(await chunks.push(new Uint8Array(1))).toBe(false)
    await pair.end()
  })

  it('that only go up are awaited', async () => {
    const { pair } = await deskOn(transport)
    const { api } = pair.client()
    expect(await pair.wait(api.sum(undefined, { up: upTo(1_000) }))).toBe(500_500)
    await pair.end()
  })

  it('fail at the caller and at the handler when the source fails', async () => {
    const { pair } = await deskOn(transport)
    const { api } = pair.client()
    const cause = new Error('the disk is gone')
    const sum = api.sum(undefined, {
      up: (function* () {
        yield 1
        throw cause
      })(),
    })
    expect((await pair.wait(safe(sum))).error).toMatchObject({ code: 'INTERNAL', cause })
    await pair.end()
  })

  it('fail with INVALID_ARGUMENT when an item up does not fit', async () => {
    const { pair } = await deskOn(transport)
    const { api } = pair.client()
    const sum = api.sum(undefined, { up: [1, 'two' as never] })
    expect((await pair.wait(safe(sum))).error).toMatchObject({ code: 'INVALID_ARGUMENT' })
    await pair.end()
  })

  it('hand over what came before a failure, then the failure that the contract declares', async () => {
    const { pair, desk } = await deskOn(transport)
    const { TautlineError } = await import('@tautline/core')
    const rows = pair.client().api.watch('a')
    const items: string[] = []
    const looping = (async () => {
      for await (const item of rows) items.push(item)
    })()
    await pair.until(() => desk.begun.length === 1)
    desk.last.yield('one')
    desk.last.yield('two')
    desk.last.refuse(new TautlineError('SHUT'))
    await expect(pair.wait(looping)).rejects.toMatchObject({ code: 'SHUT' })
    expect(items).toEqual(['one', 'two'])
    await pair.end()
  })
})
