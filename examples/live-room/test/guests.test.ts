import type { Publisher, SessionHandle } from '@tautline/server'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Audience } from '../server/audience.ts'
import { BareLane } from '../server/bare.ts'
import { Guests } from '../server/guests.ts'

const bare = new BareLane()
let audience: Audience
let guests: Guests
let publish: ReturnType<typeof vi.fn>
let retract: ReturnType<typeof vi.fn>

beforeEach(() => {
  vi.useFakeTimers()
  audience = new Audience()
  guests = new Guests(audience, bare)
  publish = vi.fn(async () => undefined)
  retract = vi.fn(async () => undefined)
  guests.start({ publish, retract } as unknown as Publisher)
})
afterEach(() => {
  guests.stop()
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

test('the guests have talked before anybody comes, and then wait', () => {
  expect(new Set(published())).toEqual(new Set(['rooms.feed']))
  publish.mockClear()
  vi.advanceTimersByTime(60_000)
  expect(publish).not.toHaveBeenCalled()
})

test('they keep a lone visitor company: they talk, comment and point thirty times a second', () => {
  publish.mockClear()
  enter()
  vi.advanceTimersByTime(30_000)
  const count = (path: string) => published().filter(name => name === path).length
  expect(count('rooms.feed')).toBeGreaterThan(2)
  expect(count('stage.comments')).toBeGreaterThan(10)
  expect(count('stage.cursors')).toBeGreaterThan(2 * 30 * 29)
})

test('they leave the room to a crowd, and take their pointers with them', () => {
  const leave = [1, 2, 3, 4].map(enter).at(-1)
  publish.mockClear()
  vi.advanceTimersByTime(10_000)
  expect(publish).not.toHaveBeenCalled()
  leave?.()
  vi.advanceTimersByTime(1_000)
  expect(published()).toContain('stage.cursors')
  enter()
  vi.advanceTimersByTime(1_000)
  expect(retract).toHaveBeenCalledTimes(2)
})

test('they welcome whoever speaks for the first time, once', () => {
  publish.mockClear()
  const ada = { id: 'ada-ada-ada', name: 'Ada', hue: 1 }
  guests.hear(ada)
  guests.hear(ada)
  vi.advanceTimersByTime(5_000)
  expect(publish).toHaveBeenCalledTimes(1)
  expect(publish.mock.lastCall?.[2].text).toContain('Ada')
})

function published(): string[] {
  return publish.mock.calls.map(([topic]) => topic.path)
}

/** Somebody comes; answers how they leave. */
function enter(): () => void {
  let leave = (): unknown => undefined
  const session: Pick<SessionHandle, 'onEnd'> = {
    onEnd(listener) {
      leave = listener
    },
  }
  audience.enter(session as SessionHandle)
  return () => leave()
}
