import { channelOf } from '@tautline/core'
import { expect, test } from 'vitest'
import { Guest, House, rooms } from './support/topics.ts'

test('a subscriber of a log is given a position and then every message', async () => {
  const house = new House()
  const guest = new Guest(house)
  const id = guest.subscribe('log')
  await house.clock.settle()
  const epoch = expect.any(String)
  expect(guest.answer(id)).toEqual({ channel: channelOf('log', 'a'), epoch, offset: 0, head: 0, gap: false })
  await house.publish(rooms.log, 'one')
  await house.publish(rooms.log, 'two')
  expect(guest.news()).toEqual(['m1:one', 'm2:two'])
  await house.end(guest)
})

test('rewind begins with the last messages', async () => {
  const house = new House()
  for (const text of ['one', 'two', 'three']) await house.publish(rooms.log, text)
  const guest = new Guest(house)
  guest.subscribe('log', { rewind: 2 })
  await house.clock.settle()
  expect(guest.news()).toEqual(['m2:two', 'm3:three'])
  await house.publish(rooms.log, 'four')
  expect(guest.news()).toEqual(['m4:four'])
  await house.end(guest)
})

test('a slow socket is sent the rest as it drains, and is live again', async () => {
  const house = new House()
  const guest = new Guest(house, { highWaterBytes: 100, lowWaterBytes: 50 })
  guest.subscribe('log')
  await house.clock.settle()
  guest.link.fast = false
  for (let i = 1; i <= 8; i++) await house.publish(rooms.log, `text ${i}`)
  const before = guest.news()
  expect(before.length).toBeLessThan(8)
  guest.link.fast = true
  guest.link.drain()
  await house.clock.settle()
  expect([...before, ...guest.news()]).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map(i => `m${i}:text ${i}`))
  await house.publish(rooms.log, 'text 9')
  expect(guest.news()).toEqual(['m9:text 9'])
  await house.end(guest)
})
