import { describe, expect, it } from 'vitest'
import { encodeFrame } from '../../src/wire/codec.ts'
import { type Frame, FrameType, ProtocolError } from '../../src/wire/frames.ts'
import { KEPT_OVERHEAD, Replay } from '../../src/wire/replay.ts'

const end = (id: number): Frame => [FrameType.END, id, `result ${id}`]

function replayOf(...ids: number[]): Replay {
  const replay = new Replay(1_000)
  for (const id of ids) {
    const bytes = encodeFrame(end(id))
    replay.keep(bytes)
  }
  return replay
}

const bytesOf = (...ids: number[]): Uint8Array[] => ids.map(id => encodeFrame(end(id)).slice())

describe('kept frames', () => {
  it('are those that were not acknowledged, in order', () => {
    const replay = replayOf(1, 2, 3, 4)
    replay.forget(1)
    expect([...replay.frames()]).toEqual(bytesOf(2, 3, 4))
    replay.forget(4)
    expect([...replay.frames()]).toEqual([])
    expect(replay.bytes).toBe(0)
    expect(() => replay.forget(3)).toThrow(ProtocolError)
    expect(() => replay.forget(5)).toThrow(ProtocolError)
  })

  it('hold no memory but their own once they may be kept for long, and are forgotten as before', () => {
    const replay = replayOf(1, 2, 3, 4)
    replay.forget(1)
    replay.settle()
    expect([...replay.frames()]).toEqual(bytesOf(2, 3, 4))
    for (const bytes of replay.frames()) expect(bytes.buffer.byteLength).toBe(bytes.length)
    replay.forget(2)
    expect([...replay.frames()]).toEqual(bytesOf(3, 4))
    expect(replay.bytes).toBe(bytesOf(3, 4).reduce((sum, bytes) => sum + bytes.length + KEPT_OVERHEAD, 0))
    expect(replay.reachesBackTo(2)).toBe(true)
    expect(replay.reachesBackTo(1)).toBe(false)
  })

  it('that are made anew when they are sent again stay so', () => {
    const replay = new Replay(1_000)
    replay.keep({ length: 10, frame: [FrameType.CALL, 1, 'a'], sender: { again: () => [FrameType.CANCEL, 1] } })
    replay.settle()
    expect([...replay.frames()]).toEqual([encodeFrame([FrameType.CANCEL, 1])])
  })

  it('are all forgotten past the limit, to the byte', () => {
    const replay = new Replay(20 + 2 * KEPT_OVERHEAD)
    expect(replay.keep(new Uint8Array(19))).toBe(true)
    expect(replay.keep(new Uint8Array(1))).toBe(true)
    expect(replay.keep(new Uint8Array(1))).toBe(false)
    expect([replay.bytes, replay.sent, replay.reachesBackTo(3), replay.reachesBackTo(2)]).toEqual([0, 3, true, false])
  })
})
