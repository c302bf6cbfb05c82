import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Flight, leftOf, Tracks } from '../page/tracks.ts'

const STAGE = 1_000
const LASTS_MS = 9_000

test('comments on one track never touch, whatever their lengths', () => {
  const comments = fc.array(
    fc.record({ width: fc.integer({ min: 40, max: 900 }), waitMs: fc.integer({ min: 0, max: 2_000 }) }),
    { maxLength: 80 },
  )
  fc.assert(
    fc.property(comments, fc.integer({ min: 1, max: 6 }), (list, count) => {
      const tracks = new Tracks()
      const last: Flight[] = []
      let now = 0
      for (const { width, waitMs } of list) {
        now += waitMs
        const flight = { width, startedAt: now, lastsMs: LASTS_MS }
        const track = tracks.place(flight, count, STAGE)
        if (track === undefined) continue
        const before = last[track]
        last[track] = flight
        if (before === undefined) continue
        for (let at = now; at <= before.startedAt + LASTS_MS; at += 250) {
          expect(leftOf(flight, at, STAGE)).toBeGreaterThanOrEqual(leftOf(before, at, STAGE) + before.width)
        }
      }
    }),
  )
})

test('a comment that finds every track taken is told so', () => {
  const tracks = new Tracks()
  const flight = { width: 300, startedAt: 0, lastsMs: LASTS_MS }
  expect([1, 2, 3].map(() => tracks.place(flight, 2, STAGE))).toEqual([0, 1, undefined])
})

test('a comment enters at the right and leaves at the left', () => {
  const flight = { width: 200, startedAt: 100, lastsMs: 1_000 }
  expect(leftOf(flight, 100, STAGE)).toBe(STAGE)
  expect(leftOf(flight, 1_100, STAGE)).toBe(-200)
})
