import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Recency } from '../src/recency.ts'

function inOrder<T>(recency: Recency<T>): T[] {
  const items: T[] = []
  for (let item = recency.oldest; item !== undefined; item = recency.after(item)) items.push(item)
  return items
}

test('what was not used for longest comes first, whatever is used, deleted and used again', async () => {
  const item = fc.integer({ min: 1, max: 6 })
  const step = fc.oneof(
    { arbitrary: fc.record({ use: item }), weight: 4 },
    { arbitrary: fc.record({ delete: item }), weight: 2 },
    { arbitrary: fc.constant({ clear: true as const }), weight: 1 },
  )
  await fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      const recency = new Recency<number>()
      let expected: number[] = []
      for (const each of steps) {
        if ('use' in each) {
          recency.use(each.use)
          expected = [...expected.filter(other => other !== each.use), each.use]
        } else if ('delete' in each) {
          recency.delete(each.delete)
          expected = expected.filter(other => other !== each.delete)
        } else {
          recency.clear()
          expected = []
        }
        expect(inOrder(recency)).toEqual(expected)
        expect(recency.size).toBe(expected.length)
      }
    }),
  )
})

test('nothing comes after what is not there, or after the newest', () => {
  const recency = new Recency<string>()
  recency.use('ada')
  expect(recency.after('ada')).toBeUndefined()
  expect(recency.after('bob')).toBeUndefined()
})
