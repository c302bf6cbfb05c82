import { expect, it } from 'vitest'
import { VirtualClock } from '../../../testing/src/clock.ts'
import { Deadlines } from '../../src/wire/deadlines.ts'
import { Following } from '../../src/wire/following.ts'

it('runs the soonest of what is planned under a name, once, and nothing that was forgotten', () => {
  const clock = new VirtualClock()
  const deadlines = new Deadlines(clock, 1)
  const following = new Following(clock, deadlines)
  const ran: string[] = []
  const plan = (name: string, ms: number) => following.plan(name, ms, () => ran.push(`${name} ${ms}`))
  for (const name of ['a', 'b', 'c']) following.enter(name)
  for (const ms of [300, 100, 200]) plan('a', ms)
  plan('b', 50)
  plan('c', 400)
  following.leave('b')
  following.leave('nobody')
  expect(deadlines.size).toBe(2)
  clock.advanceSync(1_000)
  expect(ran).toEqual(['a 100', 'c 400'])
  plan('a', 10)
  clock.advanceSync(1_000)
  expect(ran).toEqual(['a 100', 'c 400', 'a 10'])
  expect(clock.pending).toBe(0)
})

it('follows a name until as many have left as have entered, and runs nothing for what nobody follows', () => {
  const clock = new VirtualClock()
  const following = new Following(clock, new Deadlines(clock, 1))
  const ran: string[] = []
  following.enter('a')
  following.enter('a')
  expect([following.leave('a'), following.has('a'), following.leave('a'), following.has('a')]).toEqual([
    false,
    true,
    true,
    false,
  ])
  following.plan('a', 10, () => ran.push('a'))
  clock.advanceSync(100)
  expect(ran).toEqual([])
  expect(clock.pending).toBe(0)
})
