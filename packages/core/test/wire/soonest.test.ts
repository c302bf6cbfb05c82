import { expect, it } from 'vitest'
import { VirtualClock } from '../../../testing/src/clock.ts'
import { Deadlines } from '../../src/wire/deadlines.ts'
import { Soonest } from '../../src/wire/soonest.ts'

it('runs the soonest of what is planned under a name, once, and nothing that was forgotten', () => {
  const clock = new VirtualClock()
  const deadlines = new Deadlines(clock, 1)
  const soonest = new Soonest(deadlines)
  const ran: string[] = []
  const plan = (name: string, ms: number) => soonest.plan(name, clock.now(), ms, () => ran.push(`${name} ${ms}`))
  for (const ms of [300, 100, 200]) plan('a', ms)
  plan('b', 50)
  plan('c', 400)
  soonest.forget('b')
  soonest.forget('nobody')
  expect(deadlines.size).toBe(2)
  clock.advanceSync(1_000)
  expect(ran).toEqual(['a 100', 'c 400'])
  plan('a', 10)
  clock.advanceSync(1_000)
  expect(ran).toEqual(['a 100', 'c 400', 'a 10'])
  expect(clock.pending).toBe(0)
})
