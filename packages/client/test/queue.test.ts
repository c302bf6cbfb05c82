import { queue } from '@tautline/client'
import { describe, expect, it } from 'vitest'
import { watch } from './support/client.ts'

const tick = () => new Promise(resolve => setImmediate(resolve))

describe('a queue', () => {
  it('hands over in order what was pushed, then ends', async () => {
    const items = queue<number>()
    expect(await items.push(1)).toBe(true)
    expect(await items.push(2)).toBe(true)
    items.end()
    const seen: number[] = []
    for await (const item of items) seen.push(item)
    expect(seen).toEqual([1, 2])
    expect(await items.push(3)).toBe(false)
  })

  it('hands what is pushed to whoever waits for it', async () => {
    const source = queue<number>()
    const reader = source[Symbol.asyncIterator]()
    const first = watch(reader.next())
    const second = watch(reader.next())
    await source.push(1)
    source.end()
    await tick()
    expect([first.value, second.value]).toEqual([
      { done: false, value: 1 },
      { done: true, value: undefined },
    ])
  })

  it('lets a push wait while 16 items are not read, each until the one before it is', async () => {
    const source = queue<number>()
    const reader = source[Symbol.asyncIterator]()
    const pushes = Array.from({ length: 20 }, (_, i) => watch(source.push(i)))
    await tick()
    expect(pushes.filter(({ settled }) => settled).length).toBe(15)
    for (let i = 0; i < 5; i++) await reader.next()
    await tick()
    expect(pushes.every(({ value }) => value === true)).toBe(true)
  })

  it('refuses whoever does not wait at 1,000 items, and keeps those', async () => {
    const source = queue<number>()
    const pushes = Array.from({ length: 1_001 }, (_, i) => watch(source.push(i)))
    await tick()
    expect(pushes[999]?.settled).toBe(0)
    expect(pushes[1_000]?.error).toMatchObject({ code: 'RESOURCE_EXHAUSTED' })
    source.end()
    let read = 0
    for await (const _ of source) read += 1
    expect(read).toBe(1_000)
    expect(pushes[999]?.value).toBe(true)
  })

  it('fails after what was pushed, once', async () => {
    const source = queue<number>()
    const reader = source[Symbol.asyncIterator]()
    await source.push(1)
    const error = new Error('no more')
    source.fail(error)
    source.end()
    expect(await reader.next()).toEqual({ done: false, value: 1 })
    await expect(reader.next()).rejects.toBe(error)
    expect(await reader.next()).toEqual({ done: true, value: undefined })
    expect(await source.push(2)).toBe(false)
  })

  it('fails whoever waits', async () => {
    const source = queue<number>()
    const next = watch(source[Symbol.asyncIterator]().next())
    source.fail(new Error('no more'))
    await tick()
    expect(next.error).toMatchObject({ message: 'no more' })
  })

  it('lets everybody who waits to push go when its reader leaves, and drops what is there', async () => {
    const source = queue<number>()
    const reader = source[Symbol.asyncIterator]()
    const pushes = Array.from({ length: 20 }, (_, i) => watch(source.push(i)))
    await reader.return?.()
    await tick()
    expect(pushes.map(({ value }) => value)).toEqual([...Array(15).fill(true), ...Array(5).fill(false)])
    expect(await source.push(1)).toBe(false)
    expect(await reader.next()).toEqual({ done: true, value: undefined })
  })
})
