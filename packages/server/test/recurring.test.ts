import { expect, test } from 'vitest'
import { Recurring } from '../src/recurring.ts'

function setUp() {
  const time = { now: 0 }
  const told: unknown[] = []
  const recurring = new Recurring(
    error => told.push(error),
    () => time.now,
  )
  return { time, told, recurring }
}

test('an error is told of as it is, and not again within a minute', () => {
  const { time, told, recurring } = setUp()
  const error = new Error('away')
  for (let i = 0; i < 10_000; i++) recurring.add(i === 0 ? error : new Error('away'))
  expect(told).toEqual([error])
  time.now = 59_999
  recurring.add(error)
  expect(told).toHaveLength(1)
})

test('after a minute it is told how often it came, and of one that came once nothing else', () => {
  const { time, told, recurring } = setUp()
  for (let i = 0; i < 5; i++) recurring.add(new Error('often'))
  recurring.add(new Error('once'))
  time.now = 90_000
  recurring.add(new Error('often'))
  recurring.add(new Error('once'))
  expect(told.slice(2).map(String)).toEqual(['Error: 5 times within 90 s: often', 'Error: once'])
})

test('another cause is another trouble', () => {
  const { told, recurring } = setUp()
  for (const cause of ['refused', 'reset', 'refused']) recurring.add(new Error('away', { cause: new Error(cause) }))
  expect(told).toHaveLength(2)
})

test('however many kinds there are, ten are told of in a minute', () => {
  const { time, told, recurring } = setUp()
  for (let i = 0; i < 1_000; i++) recurring.add(new Error(`number ${i}`))
  expect(told).toHaveLength(10)
  time.now = 60_000
  for (let i = 1_000; i < 2_000; i++) recurring.add(new Error(`number ${i}`))
  expect(told).toHaveLength(20)
  expect(String(told[10])).toBe('Error: 991 times within 60 s: number 1000')
})

test('what is no error is told of, too', () => {
  const { told, recurring } = setUp()
  for (const what of [undefined, null, 'text', 'text']) recurring.add(what)
  expect(told).toEqual([undefined, null, 'text'])
})
