import { describe, expect, it } from 'vitest'
import { type Happening, History } from './support/history.ts'

const published = (seq: number, producer = 'p'): Happening => ({ kind: 'published', producer, seq, channel: 'c' })
const acknowledged = (seq: number, producer = 'p'): Happening => ({
  kind: 'publish settled',
  producer,
  seq,
  channel: 'c',
  outcome: 'acknowledged',
})
const refused = (seq: number): Happening => ({ ...acknowledged(seq), outcome: 'rejected' }) as Happening
const delivered = (seq: number, producer = 'p'): Happening => ({ kind: 'delivered', subscriber: 's', producer, seq })
const subscribed: Happening = { kind: 'subscribed', subscriber: 's', channel: 'c' }
const gap: Happening = { kind: 'gap', subscriber: 's' }
const called = (idempotent = false): Happening => ({ kind: 'called', call: 'x', idempotent })
const executed: Happening = { kind: 'executed', call: 'x' }
const settled = (ok: boolean, mayHaveRun?: boolean): Happening => ({ kind: 'settled', call: 'x', ok, mayHaveRun })

function verdict(...happenings: Happening[]) {
  const history = new History()
  for (const happening of happenings) history.add(happening)
  const { lost, twice, reordered, unsettled, executed } = history.verdict()
  return [lost, twice, reordered, unsettled, executed].map(found => found.length)
}

/** A checker that finds nothing proves nothing: each kind of breach, and what is none. */
describe('the checker', () => {
  const sent = [published(0), acknowledged(0), published(1), acknowledged(1), published(2), acknowledged(2)]

  it.each<[string, Happening[], number[]]>([
    ['nothing wrong', [subscribed, ...sent, delivered(0), delivered(1), delivered(2)], [0, 0, 0, 0, 0]],
    ['a message lost in the middle', [subscribed, ...sent, delivered(0), delivered(2)], [1, 0, 0, 0, 0]],
    ['messages lost at the end', [subscribed, ...sent, delivered(0)], [2, 0, 0, 0, 0]],
    ['all of a producer lost', [subscribed, ...sent], [3, 0, 0, 0, 0]],
    ['a gap that was told', [subscribed, ...sent, delivered(0), gap, delivered(2)], [0, 0, 0, 0, 0]],
    ['a gap that excuses only once', [subscribed, ...sent, gap, delivered(0), delivered(2)], [1, 0, 0, 0, 0]],
    ['a gap before anything was heard', [subscribed, ...sent, gap, delivered(2)], [0, 0, 0, 0, 0]],
    ['a gap at the end', [subscribed, ...sent, delivered(0), gap], [0, 0, 0, 0, 0]],
    ['a message twice', [subscribed, ...sent, delivered(0), delivered(1), delivered(1), delivered(2)], [0, 1, 0, 0, 0]],
    ['messages swapped', [subscribed, ...sent, delivered(1), delivered(0), delivered(2)], [0, 0, 1, 0, 0]],
    ['what was published before', [...sent, subscribed], [0, 0, 0, 0, 0]],
    ['what was under way', [...sent, subscribed, delivered(1), delivered(2)], [0, 0, 0, 0, 0]],
    ['a hole in what was under way', [...sent, subscribed, delivered(0), delivered(2)], [1, 0, 0, 0, 0]],
    ['a refused message missing', [subscribed, published(0), refused(0)], [0, 0, 0, 0, 0]],
    [
      'an acknowledgement after the next delivery',
      [subscribed, published(0), published(1), acknowledged(1), delivered(1), acknowledged(0)],
      [1, 0, 0, 0, 0],
    ],
    ['a subscriber who left', [subscribed, ...sent, { kind: 'unsubscribed', subscriber: 's' }], [0, 0, 0, 0, 0]],
  ])('sees %s', (_, happenings, found) => expect(verdict(...happenings)).toEqual(found))

  it.each<[string, Happening[], number[]]>([
    ['one answer to one run', [called(), executed, settled(true)], [0, 0, 0, 0, 0]],
    ['no answer', [called(), executed], [0, 0, 0, 1, 0]],
    ['two answers', [called(), executed, settled(true), settled(false)], [0, 0, 0, 1, 0]],
    ['two runs', [called(), executed, executed, settled(true)], [0, 0, 0, 0, 1]],
    ['two runs of what may run twice', [called(true), executed, executed, settled(true)], [0, 0, 0, 0, 0]],
    ['an answer without a run', [called(), settled(true)], [0, 0, 0, 0, 1]],
    ['a run that was denied', [called(), executed, settled(false, false)], [0, 0, 0, 0, 1]],
    ['a run after it was denied', [called(), settled(false, false), executed], [0, 0, 0, 0, 1]],
    ['an honest doubt', [called(), executed, settled(false, true)], [0, 0, 0, 0, 0]],
  ])('sees %s', (_, happenings, found) => expect(verdict(...happenings)).toEqual(found))

  it('sees items that are missing, doubled, or cut off', () => {
    const item = (index: number): Happening => ({ kind: 'item', call: 'x', index })
    const completed = (count: number): Happening => ({ kind: 'completed', call: 'x', count })
    expect(verdict(item(0), item(1), completed(2))).toEqual([0, 0, 0, 0, 0])
    expect(verdict(item(0), item(2), completed(3))).toEqual([1, 0, 0, 0, 0])
    expect(verdict(item(0), item(0), completed(1))).toEqual([0, 1, 0, 0, 0])
    expect(verdict(item(0), completed(2))).toEqual([1, 0, 0, 0, 0])
  })
})
