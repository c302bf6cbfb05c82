import { parse, TautlineError, type TopicEntry } from '@tautline/core'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { FakeLine } from './support/fake-line.ts'
import { latest, log } from './support/topics.ts'

const lobby = { room: 'lobby' }

/** What a promise became, without waiting for it. */
function watch(promise: Promise<unknown> | undefined): { became: unknown } {
  const watched: { became: unknown } = { became: 'pending' }
  promise?.then(
    value => {
      watched.became = value
    },
    error => {
      watched.became = error
    },
  )
  return watched
}

describe('publishing', () => {
  it('goes as given and resolves with the position it got', async () => {
    const line = new FakeLine()
    const published = line.topics.channel(log, lobby).publish?.({ text: 'hi' }, { idempotencyKey: 'k' })
    expect(line.published).toMatchObject([
      { path: 'rooms.feed', params: lobby, message: { text: 'hi' }, options: { idempotencyKey: 'k' } },
    ])
    line.published[0]?.resolve(['e', 7])
    const position = await published
    line.attach()
    line.topics.channel(log, lobby).subscribe(() => undefined, { since: position })
    expect((await line.sent())[0]?.[4 as 2]).toEqual({ since: ['e', 7] })
  })

  it('resolves with nothing where nothing is retained', async () => {
    const line = new FakeLine()
    for (const end of [[null, 0], null, undefined]) {
      const published = line.topics.channel(log, lobby).publish?.('hi')
      line.published.pop()?.resolve(end)
      expect(await published).toBeUndefined()
    }
  })

  it('rejects with what the server says', async () => {
    const line = new FakeLine()
    const published = line.topics.channel(log, lobby).publish?.('hi')
    line.published[0]?.reject(new TautlineError('PERMISSION_DENIED'))
    await expect(published).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
  })

  it('rejects what does not fit its schema before anything is sent; the value goes as given', async () => {
    const checked: TopicEntry = {
      ...log,
      '~parse': parse,
      params: z.object({ room: z.string() }),
      publish: z.object({ text: z.string().transform(text => text.length) }),
    }
    const line = new FakeLine()
    await expect(line.topics.channel(checked, { room: 1 }).publish?.({ text: 'hi' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    await expect(line.topics.channel(checked, lobby).publish?.({ text: 1 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      issues: [{ path: ['text'] }],
    })
    expect(line.published).toEqual([])
    void line.topics.channel(checked, lobby).publish?.({ text: 'hi' })
    expect(line.published[0]?.message).toEqual({ text: 'hi' })
  })

  it('exists only where the contract has it', () => {
    const line = new FakeLine()
    const { publish: _, ...mute } = log
    expect('publish' in line.topics.channel(mute, lobby)).toBe(false)
    expect('presence' in line.topics.channel(mute, lobby)).toBe(false)
  })
})

describe('a volatile message', () => {
  const publish = (line: FakeLine, message: unknown, params: unknown = lobby) =>
    watch(line.topics.channel(latest, params).publish?.(message, { volatile: true }))

  it('goes when it can go now', async () => {
    const line = new FakeLine()
    line.attach()
    const sent = publish(line, 1)
    line.published[0]?.resolve(['e', 1])
    await line.clock.settle()
    expect(sent.became).toBe('1.e')
  })

  it('is dropped while there is no socket, which is dialled', async () => {
    const line = new FakeLine()
    const dropped = publish(line, 1)
    await line.clock.settle()
    expect(dropped.became).toBeUndefined()
    expect([line.published, line.opened]).toEqual([[], 1])
    line.attach()
    line.room()
    expect(line.published).toEqual([])
  })

  it('is dropped when the connection is closed', async () => {
    const line = new FakeLine()
    line.closed = new TautlineError('UNAVAILABLE')
    const dropped = publish(line, 1)
    await line.clock.settle()
    expect(dropped.became).toBeUndefined()
  })

  it('waits while the socket is busy, the newest of each channel', async () => {
    const line = new FakeLine()
    line.attach()
    line.busy = true
    const [first, second] = [publish(line, 1), publish(line, 2, { room: 'lobby' })]
    const attic = publish(line, 3, { room: 'attic' })
    await line.clock.settle()
    expect([first.became, second.became, attic.became]).toEqual([undefined, 'pending', 'pending'])
    line.room()
    expect(line.published.map(({ message }) => message)).toEqual([2, 3])
    for (const { resolve } of line.published) resolve(['e', 1])
    await line.clock.settle()
    expect([second.became, attic.became]).toEqual(['1.e', '1.e'])
  })

  it('that waits is dropped with its socket', async () => {
    const line = new FakeLine()
    line.attach()
    line.busy = true
    const waiting = publish(line, 1)
    line.detach()
    await line.clock.settle()
    expect(waiting.became).toBeUndefined()
    line.attach()
    line.room()
    expect(line.published).toEqual([])
  })

  it('waits on at most 100 channels', async () => {
    const line = new FakeLine()
    line.attach()
    line.busy = true
    const waiting = Array.from({ length: 101 }, (_, room) => publish(line, 1, { room }))
    await line.clock.settle()
    expect(waiting.map(({ became }) => became).filter(became => became === 'pending')).toHaveLength(100)
    expect(waiting[100]?.became).toBeUndefined()
    const newer = publish(line, 2, { room: 50 })
    await line.clock.settle()
    expect([waiting[50]?.became, newer.became]).toEqual([undefined, 'pending'])
  })

  it('is told the server’s refusal like any other', async () => {
    const line = new FakeLine()
    line.attach()
    const refused = publish(line, 1)
    line.published[0]?.reject(new TautlineError('PERMISSION_DENIED'))
    await line.clock.settle()
    expect(refused.became).toMatchObject({ code: 'PERMISSION_DENIED' })
  })
})
