import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../testing/src/clock.ts'
import { Deadlines } from '../../src/wire/deadlines.ts'

let clock: VirtualClock
let deadlines: Deadlines

beforeEach(() => {
  clock = new VirtualClock()
  deadlines = new Deadlines(clock, 100)
})

afterEach(() => expect(clock.pending).toBe(0))

describe('deadlines', () => {
  it('run at most one slot late, never early, and in order', () => {
    const ran: [name: string, at: number][] = []
    for (const ms of [250, 10, 3_000, 100]) deadlines.add(ms, () => ran.push([`${ms}`, clock.now()]))
    clock.advanceSync(5_000)
    expect(ran).toEqual([
      ['10', 100],
      ['100', 100],
      ['250', 300],
      ['3000', 3_000],
    ])
  })

  it('share one timer, however many there are', () => {
    const held = Array.from({ length: 1_000 }, (_, i) => deadlines.add(i * 10, () => undefined))
    expect(clock.pending).toBe(1)
    expect(deadlines.size).toBe(1_000)
    for (const deadline of held) deadlines.delete(deadline)
    expect(deadlines.size).toBe(0)
  })

  it('that lie further than a timer can wait are not run at once', () => {
    const asked: number[] = []
    const setTimeout = (_: unknown, ms: number) => asked.push(ms)
    const far = new Deadlines({ now: () => 0, setTimeout, clearTimeout: () => {}, defer: () => {} }, 100)
    for (const ms of [2 ** 31, 1e12]) {
      far.add(ms, () => undefined)
      far.clear()
    }
    expect(asked).toEqual([2 ** 31 - 1, 2 ** 31 - 1])
  })

  it('can delete one another, and themselves, while they run', () => {
    const ran: string[] = []
    const second = { deadline: deadlines.add(60_000, () => undefined) }
    const first = deadlines.add(50, () => {
      ran.push('first')
      deadlines.delete(first)
      deadlines.delete(second.deadline)
    })
    deadlines.delete(second.deadline)
    second.deadline = deadlines.add(50, () => ran.push('second'))
    clock.advanceSync(1_000)
    expect(ran).toEqual(['first'])
  })

  it('can be added while others run', () => {
    const ran: number[] = []
    deadlines.add(100, () => deadlines.add(100, () => ran.push(clock.now())))
    clock.advanceSync(1_000)
    expect(ran).toEqual([200])
  })

  it('leave no timer behind once they are cleared', () => {
    deadlines.add(100, () => undefined)
    deadlines.clear()
    expect(clock.pending).toBe(0)
  })
})
