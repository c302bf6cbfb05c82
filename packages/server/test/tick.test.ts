import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../testing/src/clock.ts'
import { serverClock } from '../src/clock.ts'
import { Tick } from '../src/tick.ts'

describe('a tick', () => {
  it('does at its end what was asked for in it, and says whether that was all', async () => {
    const clock = new VirtualClock()
    const tick = new Tick(clock)
    const done: string[] = []
    tick.end(alone => done.push(`first, ${alone}`))
    expect(done).toEqual([])
    await clock.settle()
    tick.end(alone => done.push(`second, ${alone}`))
    tick.end(alone => done.push(`third, ${alone}`))
    await clock.settle()
    expect(done).toEqual(['first, true', 'second, false', 'third, false'])
  })
})

describe('the clock of a server', () => {
  it('runs what was deferred in order, and what is deferred meanwhile after it', async () => {
    const done: string[] = []
    serverClock.defer(() => {
      done.push('first')
      serverClock.defer(() => done.push('last'))
    })
    serverClock.defer(() => done.push('second'))
    expect(done).toEqual([])
    await new Promise(resolve => setTimeout(resolve, 1))
    expect(done).toEqual(['first', 'second', 'last'])
  })

  it('lets the others have their turn when one throws', async () => {
    const listeners = process.listeners('uncaughtException')
    const caught: unknown[] = []
    const done: string[] = []
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', error => caught.push(error))
    try {
      serverClock.defer(() => {
        throw new Error('a bug')
      })
      serverClock.defer(() => done.push('another'))
      await new Promise(resolve => setTimeout(resolve, 5))
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of listeners) process.on('uncaughtException', listener)
    }
    expect(caught).toHaveLength(1)
    expect(done).toEqual(['another'])
  })
})
