import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Change } from '../src/broker.ts'
import { LatestHistory } from '../src/memory/latest-history.ts'
import { LogHistory } from '../src/memory/log-history.ts'

const ALL = { messages: 1_000, bytes: Number.POSITIVE_INFINITY }

const command = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('put' as const), key: fc.constantFrom('a', 'b', 'c', 'd') }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('retract' as const), key: fc.constantFrom('a', 'b', 'c', 'd') }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 60 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('shrink' as const) }) },
)

test('a reader of a log gets all that is above what it has, unless it is below the floor', () => {
  void fc.assert(
    fc.property(
      fc.array(command, { maxLength: 60, size: 'max' }),
      fc.integer({ min: 1, max: 6 }),
      (commands, count) => {
        const history = new LogHistory({ count, ms: 100, bytes: Number.POSITIVE_INFINITY })
        const published: { readonly offset: number; readonly at: number }[] = []
        let now = 0
        let shrunk = 0
        for (const each of commands) {
          if (each.kind === 'put') {
            history.add({ body: new Uint8Array(1), key: undefined, at: now, leaseMs: Number.POSITIVE_INFINITY })
            published.push({ offset: published.length + 1, at: now })
          } else if (each.kind === 'wait') now += each.ms
          else if (each.kind === 'shrink') {
            history.shrink()
            shrunk = history.floor
          }
          history.expire(now)
          const kept = published.filter(({ offset, at }) => offset > shrunk && at + 100 > now).slice(-count)
          expect(history.floor).toBe((kept[0]?.offset ?? published.length + 1) - 1)
          expect(history.empty).toBe(kept.length === 0)
          expect(history.bytes).toBe(kept.length * 129)
          if (each !== commands.at(-1)) continue
          for (let after = 0; after <= published.length + 1; after++) {
            const { changes } = history.read({ after }, ALL)
            expect(changes.map(change => change.offset)).toEqual(
              kept.map(({ offset }) => offset).filter(offset => offset > after),
            )
          }
        }
      },
    ),
    { numRuns: 60, seed: 1 },
  )
})

test('a reader of the newest per key that reads on from anywhere above the floor has what is there', () => {
  void fc.assert(
    fc.property(
      fc.array(command, { maxLength: 60, size: 'max' }),
      fc.integer({ min: 1, max: 4 }),
      (commands, count) => {
        const history = new LatestHistory({ count, ms: 100, bytes: Number.POSITIVE_INFINITY })
        const told: Change[] = []
        let now = 0
        for (const each of commands) {
          if (each.kind === 'put') {
            told.push(
              ...history.add({ body: new Uint8Array(1), key: each.key, at: now, leaseMs: Number.POSITIVE_INFINITY }),
            )
          } else if (each.kind === 'retract' && history.newest(each.key)) {
            told.push(...history.add({ body: undefined, key: each.key, at: now, leaseMs: Number.POSITIVE_INFINITY }))
          } else if (each.kind === 'wait') now += each.ms
          else if (each.kind === 'shrink') told.push(...history.shrink(now))
          told.push(...history.expire(now))
        }
        const state = stateOf(told)
        expect(told.map(change => change.offset)).toEqual(told.map((_, i) => i + 1))
        expect(state.size).toBeLessThanOrEqual(count)
        for (let after = history.floor; after <= told.length; after++) {
          const missed = history.read({ after }, ALL).changes
          expect(stateOf([...told.slice(0, after), ...missed])).toEqual(state)
        }
      },
    ),
    { numRuns: 120, seed: 1 },
  )
})

test('memory that is given back is given back: a history that was emptied counts nothing but what it says it keeps', () => {
  const history = new LatestHistory({ count: 10, ms: 100, bytes: Number.POSITIVE_INFINITY })
  for (let i = 0; i < 1_000; i++) {
    history.add({ body: new Uint8Array(50), key: `k${i % 20}`, at: i, leaseMs: Number.POSITIVE_INFINITY })
  }
  history.expire(2_000)
  const retractions = history.read({ after: 0 }, ALL).changes
  expect(retractions.every(change => change.body === undefined)).toBe(true)
  expect(history.bytes).toBe(retractions.reduce((sum, { key = '' }) => sum + 128 + 2 * key.length, 0))
  history.expire(2_000 + 600_000)
  expect(history.read({ after: 0 }, ALL).changes).toHaveLength(1)
})

function stateOf(changes: readonly Change[]): Map<string | undefined, number> {
  const state = new Map<string | undefined, number>()
  for (const { key, offset, body } of changes) {
    state.delete(key)
    if (body) state.set(key, offset)
  }
  return new Map([...state].sort(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1)))
}
