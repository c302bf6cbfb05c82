import { describe, expect, it } from 'vitest'
import { Queue } from '../../src/wire/queue.ts'

function queue(window: number) {
  const granted: number[] = []
  return { granted, items: new Queue<string>(window, bytes => granted.push(bytes)) }
}

describe('a queue', () => {
  it('hands out what was pushed, in order, whether the reader comes first or last', async () => {
    const { items } = queue(100)
    const early = items.next()
    items.push('a', 1)
    items.push('b', 1)
    items.end()
    expect(await early).toEqual({ done: false, value: 'a' })
    expect(await items.next()).toEqual({ done: false, value: 'b' })
    expect(await items.next()).toEqual({ done: true, value: undefined })
  })

  it('takes a window of bytes and one item, and refuses the next', () => {
    const { items } = queue(10)
    expect(items.push('a', 9)).toBe(true)
    expect(items.push('b', 1_000)).toBe(true)
    expect(items.push('c', 1)).toBe(false)
  })

  it.each([
    [9, true],
    [10, false],
    [11, false],
  ])('with a window of 10, takes one more item after %i bytes: %s', (bytes, taken) => {
    const { items } = queue(10)
    items.push('a', bytes)
    expect(items.push('b', 1)).toBe(taken)
  })

  it('grants again once half the window has been read', async () => {
    const { items, granted } = queue(10)
    for (const item of ['a', 'b', 'c']) items.push(item, 3)
    await items.next()
    expect(granted).toEqual([])
    await items.next()
    expect(granted).toEqual([6])
  })

  it('tells how much it keeps: nothing of what somebody waits for, is read or is discarded', async () => {
    const told: number[] = []
    const items = new Queue<string>(
      100,
      () => undefined,
      bytes => told.push(bytes),
    )
    const waiting = items.next()
    items.push('a', 5)
    await waiting
    expect(told).toEqual([])
    for (const item of ['b', 'c', 'd']) items.push(item, 5)
    await items.next()
    items.discard()
    items.push('e', 5)
    expect(told).toEqual([69, 69, 69, -69, -69, -69])
  })

  it('gives a failure once, after what had arrived before it', async () => {
    const { items } = queue(10)
    items.push('a', 1)
    items.fail(new Error('cut'))
    expect(await items.next()).toEqual({ done: false, value: 'a' })
    await expect(items.next()).rejects.toThrow('cut')
    expect(await items.next()).toEqual({ done: true, value: undefined })
  })

  it('ends a pending read when the reader leaves', async () => {
    const { items } = queue(10)
    const pending = items.next()
    await items.return()
    expect(await pending).toEqual({ done: true, value: undefined })
  })

  it('grants nothing more once the reader has left, and takes no more than it had granted', async () => {
    const { items, granted } = queue(10)
    items.push('a', 9)
    await items.return()
    expect(items.push('b', 9)).toBe(true)
    expect(items.push('c', 9)).toBe(false)
    expect(granted).toEqual([])
    expect(items.length).toBe(0)
  })

  it('drops and grants what nobody wants', () => {
    const { items, granted } = queue(10)
    items.push('a', 6)
    items.discard()
    for (let i = 0; i < 100; i++) expect(items.push('b', 6)).toBe(true)
    expect(granted.reduce((sum, bytes) => sum + bytes, 0)).toBe(606)
    expect(items.length).toBe(0)
  })

  it('hands out a long backlog without slowing down', async () => {
    const { items } = queue(1_000_000)
    for (let i = 0; i < 100_000; i++) items.push(String(i), 1)
    for (let i = 0; i < 100_000; i++) expect((await items.next()).value).toBe(String(i))
    expect(items.length).toBe(0)
  })
})
