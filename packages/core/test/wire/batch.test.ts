import { describe, expect, it } from 'vitest'
import { Batch } from '../../src/wire/batch.ts'
import { decodeMessage, encodeFrame } from '../../src/wire/codec.ts'
import { FrameType } from '../../src/wire/frames.ts'
import { SCAN_LIMITS } from '../../src/wire/scan.ts'

const KIB_64 = 65_536

/** The messages that a batch of these values becomes: how many frames are in each. */
function sent(values: readonly unknown[], longest = 1_048_576): number[] {
  const batch = new Batch()
  for (const value of values) batch.add(encodeFrame([FrameType.ITEM, 1, value]))
  const frames: number[] = []
  for (let message = batch.take(longest); message; message = batch.take(longest)) {
    let count = 0
    decodeMessage(message, SCAN_LIMITS, () => {
      count += 1
    })
    frames.push(count)
  }
  expect(batch.bytes).toBe(0)
  return frames
}

/** A value whose frame has so many bytes. */
const bin = (frameBytes: number): Uint8Array => new Uint8Array(frameBytes - 6)

describe('a batch', () => {
  it('is one message up to 64 KiB, and two above', () => {
    expect(sent([bin(KIB_64 - 1_000), bin(999)])).toEqual([2])
    expect(sent([bin(KIB_64 - 1_000), bin(1_000)])).toEqual([2])
    expect(sent([bin(KIB_64 - 1_000), bin(1_001)])).toEqual([1, 1])
  })

  it('lets a larger frame go alone', () => {
    expect(sent([1, bin(KIB_64 + 1), 2, 3])).toEqual([1, 1, 2])
  })

  it('is at most as long as the other side takes', () => {
    expect(sent([bin(600), bin(400), bin(600)], 1_000)).toEqual([2, 1])
    expect(sent([bin(600), bin(401), bin(600)], 1_000)).toEqual([1, 1, 1])
  })

  it('holds 10,000 frames', () => {
    expect(sent(Array(10_000).fill(1))).toEqual([10_000])
    expect(sent(Array(10_001).fill(1))).toEqual([10_000, 1])
  })

  it('never holds more containers than the other side takes, however many each frame has', () => {
    const empties = (count: number): unknown[] => Array.from({ length: count }, () => [])
    expect(sent([1, empties(9_000), empties(9_000), 2, 3])).toEqual([1, 1, 1, 2])
    expect(sent(Array(10_000).fill([]))).toEqual([10_000])
    expect(sent(Array(10_000).fill([{}])).reduce((sum, count) => sum + count)).toBe(10_000)
  })

  it('is the same message for all for whom the same frames wait, and for nobody else', () => {
    const [ping, pong] = [encodeFrame([FrameType.PING]), encodeFrame([FrameType.PONG])]
    const messageOf = (...frames: readonly Uint8Array[]): Uint8Array | undefined => {
      const batch = new Batch()
      for (const frame of frames) batch.add(frame)
      return batch.take(1_000)
    }
    const both = messageOf(ping, pong)
    expect(both).toEqual(Uint8Array.of(...ping, ...pong))
    expect(messageOf(ping, pong)).toBe(both)
    expect(messageOf(ping)).toBe(ping)
    expect(messageOf(pong, ping)).toEqual(Uint8Array.of(...pong, ...ping))
    expect(messageOf(ping, pong, ping)).toEqual(Uint8Array.of(...ping, ...pong, ...ping))
    expect(messageOf(ping, encodeFrame([FrameType.PONG]))).toEqual(both)
  })

  it('is forgotten when it is cleared', () => {
    const batch = new Batch()
    batch.add(encodeFrame([FrameType.PING]))
    expect(batch.bytes).toBe(2)
    batch.clear()
    expect(batch.take(1_000)).toBeUndefined()
    expect(batch.bytes).toBe(0)
  })
})
