import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Ledger } from '../page/ledger.ts'

function counted(...numbers: readonly number[]) {
  const ledger = new Ledger()
  for (const seq of numbers) ledger.enter('hall', 'ada', seq)
  return { received: ledger.received, lost: ledger.lost, twice: ledger.twice }
}

test('an author may begin at any number, and loses nothing by that', () => {
  expect(counted(41, 42, 43)).toEqual({ received: 3, lost: 0, twice: 0 })
})

test('a number that is skipped is lost until it comes', () => {
  expect(counted(1, 2, 5)).toEqual({ received: 3, lost: 2, twice: 0 })
  expect(counted(1, 2, 5, 3)).toEqual({ received: 4, lost: 1, twice: 0 })
})

test('a number that comes again came twice', () => {
  expect(counted(1, 2, 2, 1)).toEqual({ received: 4, lost: 0, twice: 2 })
})

test('it tells which ones are missing', () => {
  const ledger = new Ledger()
  ledger.begin('answers', 'x', 0)
  expect(ledger.enter('answers', 'x', 3)).toEqual([2, 1])
})

test('authors and channels are counted apart', () => {
  const ledger = new Ledger()
  ledger.enter('hall', 'ada', 1)
  ledger.enter('desk', 'ada', 1)
  ledger.enter('hall', 'bob', 7)
  expect(ledger).toMatchObject({ received: 3, lost: 0, twice: 0 })
})

test('whatever is dropped, doubled and shuffled, what is counted is what was done', () => {
  const plan = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 60 })
  fc.assert(
    fc.property(plan, fc.integer(), (times, shuffle) => {
      const ledger = new Ledger()
      ledger.begin('hall', 'ada', 0)
      const all = [...times.flatMap((copies, index) => Array<number>(copies).fill(index + 1)), times.length + 1]
      all.sort((a, b) => Math.sin(a * shuffle) - Math.sin(b * shuffle))
      for (const seq of all) ledger.enter('hall', 'ada', seq)
      expect(ledger.received).toBe(all.length)
      expect(ledger.lost).toBe(times.filter(copies => copies === 0).length)
      expect(ledger.twice).toBe(times.reduce((sum, copies) => sum + Math.max(0, copies - 1), 0))
    }),
  )
})

test('a stranger with a huge number takes no memory', () => {
  const ledger = new Ledger()
  ledger.enter('hall', 'ada', 1)
  expect(ledger.enter('hall', 'ada', 2 ** 40).length).toBeLessThanOrEqual(10_000)
  for (let author = 0; author < 5_000; author++) ledger.enter('hall', `author ${author}`, 1)
  expect(ledger.received).toBe(5_002)
})
