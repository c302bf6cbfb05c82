import { encodeValue, travelsAlone } from '@tautline/core/wire'
import { expect, test } from 'vitest'
import type { BrokerChannel } from '../src/broker.ts'
import { Entry, Ring, Rings } from '../src/ring.ts'

const channel: BrokerChannel = { name: 'a', retain: { kind: 'latest', count: 10, seconds: 1 } }

/** A message that counts for so many bytes. */
function entry(offset: number, size = 129, key?: string): Entry {
  return new Entry(channel, 'e', { offset, key, body: new Uint8Array(size - 128).fill(1) })
}

function ringOf(rings: Rings, count: number, size?: number): Ring {
  const ring = new Ring(rings)
  for (let i = 1; i <= count; i++) ring.push(entry(i, size))
  return ring
}

function offsets(entries: readonly Entry[]): number[] {
  return entries.map(({ offset }) => offset)
}

test.each([
  [2, 0],
  [3, 0],
  [4, 1],
])('of at most 3 changes, with %i pushed, those after %i are at hand', (count, from) => {
  const ring = ringOf(new Rings({ changes: 3, bytes: 10_000, totalBytes: 10_000 }), count)
  expect(ring.from).toBe(from)
  expect([ring.has(from - 1), ring.has(from)]).toEqual([false, true])
  expect(offsets(ring.since(from))).toEqual(Array.from({ length: count - from }, (_, i) => from + i + 1))
  expect(offsets(ring.since(count))).toEqual([])
})

test.each([
  [199, 0],
  [200, 0],
  [201, 1],
])('of at most 400 bytes, with two changes of %i, those after %i are at hand', (size, from) => {
  expect(ringOf(new Rings({ changes: 9, bytes: 400, totalBytes: 10_000 }), 2, size).from).toBe(from)
})

test('the newest change is kept, whatever its size', () => {
  const ring = ringOf(new Rings({ changes: 9, bytes: 400, totalBytes: 10_000 }), 2, 1_000)
  expect(offsets(ring.since(1))).toEqual([2])
})

test('when all rings keep too much together, the one that was not used for longest is emptied', () => {
  const rings = new Rings({ changes: 9, bytes: 10_000, totalBytes: 1_000 })
  const [idle, busy] = [ringOf(rings, 3, 200), ringOf(rings, 2, 200)]
  expect(rings.bytes).toBe(1_000)
  busy.push(entry(3))
  expect(rings.bytes).toBe(529)
  expect([idle.bytes, idle.from, idle.head]).toEqual([0, 3, 3])
  expect(offsets(busy.since(0))).toEqual([1, 2, 3])
  idle.push(entry(4))
  expect(offsets(idle.since(3))).toEqual([4])
})

test('what was read from the broker is taken in when it is what lies just below', () => {
  const ring = new Ring(new Rings())
  ring.restart(5)
  ring.push(entry(6))
  ring.extend(1, 3, [entry(2), entry(3)])
  expect(ring.from).toBe(5)
  ring.extend(3, 6, [entry(4), entry(5), entry(6)])
  expect(offsets(ring.since(3))).toEqual([4, 5, 6])
  ring.extend(4, 6, [entry(5), entry(6)])
  expect(ring.from).toBe(3)
})

test('what lies behind a hole is not at hand', () => {
  const rings = new Rings()
  const ring = ringOf(rings, 3)
  ring.restart(9)
  expect([ring.has(8), ring.has(9)]).toEqual([false, true])
  expect(offsets(ring.since(9))).toEqual([])
  expect(rings.bytes).toBe(0)
})

test('of a key only the newest change counts', () => {
  const ring = new Ring(new Rings())
  for (const [i, key] of ['a', 'b', 'a', 'c'].entries()) ring.push(entry(i + 1, 130, key))
  expect([0, 1, 2, 3, 4].map(after => offsets(ring.since(after)))).toEqual([[2, 3, 4], [2, 3, 4], [3, 4], [4], []])
})

test('a change is framed once, and the frame keeps nothing else alive', () => {
  const one = entry(1)
  expect(one.frame).toBe(one.frame)
  expect(one.frame.buffer.byteLength).toBeLessThan(100)
})

test('a frame that must be a message of its own is known to be one', () => {
  const { bytes } = encodeValue(Array.from({ length: 2_000 }, () => []))
  const dense = new Entry(channel, 'e', { offset: 1, key: 'a', body: bytes })
  expect(travelsAlone(dense.frame)).toBe(true)
})
