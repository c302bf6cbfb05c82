import {
  type Call,
  decodeMessage,
  type End,
  encodeFrame,
  FrameType,
  parseFromClient,
  SCAN_LIMITS,
  Scan,
  scanMessage,
} from '@tautline/core/wire'
import { bench, do_not_optimize, group } from 'mitata'
import { BLOB, MESSAGE, POST } from '../work.ts'

/** Calls that come in one message, as from a client that has many in flight. */
const TOGETHER = 64

const call = (id: number): Call => [FrameType.CALL, id, 'rooms.post', POST]
const answer: End = [FrameType.END, 12_345, MESSAGE]

/** From bytes to frames and back: scan, decode, parse, encode. */
export function benchCodec(): void {
  const one = encodeFrame(call(12_345)).slice()
  const many = new Uint8Array(Buffer.concat(Array.from({ length: TOGETHER }, (_, i) => encodeFrame(call(12_345 + i)))))
  const found = new Scan()
  const large: End = [FrameType.END, 12_345, BLOB]
  const frame = [FrameType.CALL, 12_345, 'rooms.post', POST]

  group('one small frame', () => {
    bench('scan', () => scanMessage(one, SCAN_LIMITS, found))
    bench('scan and decode', () => decodeMessage(one, SCAN_LIMITS, do_not_optimize))
    bench('parse', () => do_not_optimize(parseFromClient(frame)))
    bench('encode', () => do_not_optimize(encodeFrame(answer)))
  })
  group(`${TOGETHER} of them in one message`, () => {
    bench('scan', () => scanMessage(many, SCAN_LIMITS, found))
    bench('scan and decode', () => decodeMessage(many, SCAN_LIMITS, do_not_optimize))
  })
  group('1 MiB of binary', () => {
    bench('encode', () => do_not_optimize(encodeFrame(large)))
  })
}
