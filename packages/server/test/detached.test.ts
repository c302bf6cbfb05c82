import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Detached, type Waiting, type WaitingLimits } from '../src/detached.ts'

const LIMITS: WaitingLimits = { resumeMs: 30_000, detachedPerIdentity: 3, detached: 5, detachedBytes: 1_000 }

interface Named extends Waiting {
  readonly name: string
  keptBytes: number
}

function waitingRoom(limits: Partial<WaitingLimits> = {}) {
  const lost: string[] = []
  const detached = new Detached<Named>({ ...LIMITS, ...limits }, session => lost.push(session.name))
  const add = (name: string, identity?: string, keptBytes = 0, now = 0): Named => {
    const session = { name, identity, keptBytes }
    detached.add(session, now)
    return session
  }
  return { detached, lost, add }
}

describe('sessions that wait for their clients', () => {
  it('are lost when they have waited long enough, and not before', () => {
    const { detached, lost, add } = waitingRoom()
    add('a', 'ada', 0, 0)
    add('b', 'ada', 0, 1)
    detached.sweep(29_999, false)
    expect(lost).toEqual([])
    detached.sweep(30_000, false)
    expect(lost).toEqual(['a'])
    detached.sweep(30_001, false)
    expect(lost).toEqual(['a', 'b'])
    expect(detached.size).toBe(0)
  })

  it('wait anew when it was the server that slept', () => {
    const { detached, lost, add } = waitingRoom()
    add('a', 'ada', 0, 0)
    add('b', 'ada', 0, 1)
    detached.sweep(60_000, true)
    detached.sweep(89_999, false)
    expect(lost).toEqual([])
    detached.sweep(90_000, false)
    expect(lost).toEqual(['a', 'b'])
  })

  it('are lost at once where none may wait', () => {
    const { lost, add } = waitingRoom({ resumeMs: 0 })
    add('a', 'ada')
    expect(lost).toEqual(['a'])
  })

  it('of one identity: one too many, and the oldest is lost', () => {
    const { lost, add } = waitingRoom()
    for (const name of ['a', 'b', 'c']) add(name, 'ada')
    expect(lost).toEqual([])
    add('d', 'ada')
    expect(lost).toEqual(['a'])
  })

  it('of all: one too many, and who has most loses its oldest', () => {
    const { lost, add } = waitingRoom()
    add('x')
    for (const name of ['a', 'b']) add(name, 'ada')
    for (const name of ['y', 'z']) add(name)
    expect(lost).toEqual([])
    add('1')
    expect(lost).toEqual(['a'])
  })

  it('of too many bytes: who keeps most loses its oldest, down to fifteen sixteenths', () => {
    const { lost, add } = waitingRoom()
    add('x', undefined, 100)
    for (const name of ['a', 'b', 'c']) add(name, 'ada', 300)
    expect(lost).toEqual([])
    add('y', undefined, 1)
    expect(lost).toEqual(['a'])
  })

  it('are weighed again by every sweep: what they keep grows', () => {
    const { detached, lost, add } = waitingRoom()
    const x = add('x', undefined, 10)
    add('y', undefined, 20)
    x.keptBytes = 2_000
    detached.sweep(1, false)
    expect(lost).toEqual(['x'])
    expect(detached.size).toBe(1)
  })

  it('never pass a limit, whatever comes and goes, and each is lost once or comes back', () => {
    const steps = fc.array(fc.record({ back: fc.boolean(), who: fc.nat(5), bytes: fc.nat(400), ms: fc.nat(8_000) }), {
      maxLength: 60,
      size: 'max',
    })
    void fc.assert(
      fc.property(steps, moves => {
        const { detached, lost, add } = waitingRoom()
        const [came, back] = [new Map<string, Named>(), new Set<string>()]
        let now = 0
        moves.forEach(({ back: leaves, who, bytes, ms }, index) => {
          now += ms
          detached.sweep(now, false)
          const first = [...came.values()].find(({ name }) => !lost.includes(name) && !back.has(name))
          if (leaves && first) {
            detached.delete(first)
            back.add(first.name)
          } else {
            const session = add(`${index}`, who === 0 ? undefined : `id-${who}`, bytes, now)
            came.set(session.name, session)
          }
          const here = [...came.values()].filter(({ name }) => !lost.includes(name) && !back.has(name))
          expect(detached.size).toBe(here.length)
          expect(here.length).toBeLessThanOrEqual(LIMITS.detached)
          expect(here.reduce((sum, { keptBytes }) => sum + keptBytes, 0)).toBeLessThanOrEqual(LIMITS.detachedBytes)
          for (const identity of ['id-1', 'id-2', 'id-3']) {
            expect(here.filter(session => session.identity === identity).length).toBeLessThanOrEqual(3)
          }
        })
        expect(new Set(lost).size).toBe(lost.length)
      }),
      { seed: 7, numRuns: 300 },
    )
  })
})
