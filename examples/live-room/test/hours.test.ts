import fc from 'fast-check'
import { expect, test } from 'vitest'
import { closedUntil } from '../server/hours.ts'

test('the hall never closes', () => {
  fc.assert(fc.property(fc.nat(), now => closedUntil('hall', now) === undefined))
})

test('a closed desk opens when it says so, and at most twenty seconds later', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 41 }), now => {
      const until = closedUntil('desk', now)
      if (until === undefined) return
      expect(+until - now).toBeGreaterThan(0)
      expect(+until - now).toBeLessThanOrEqual(20_000)
      expect(closedUntil('desk', +until)).toBeUndefined()
    }),
  )
})
