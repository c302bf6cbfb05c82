import { Decoder } from '@msgpack/msgpack'
import { decodeMessage, encodeFrame } from '../../src/wire/codec.ts'
import { type Frame, ProtocolError, type Side } from '../../src/wire/frames.ts'
import { parseFrame } from '../../src/wire/parse.ts'
import { SCAN_LIMITS } from '../../src/wire/scan.ts'
import { randomMessage } from './messages.ts'
import { Random } from './random.ts'
import { isSafeMessage } from './reference.ts'

/** What a run of the fuzzer saw. */
export interface FuzzReport {
  readonly inputs: number
  /** How many of them the scan let pass, and how many frames were in those. */
  readonly safe: number
  readonly frames: number
  /** Frames that `parseFrame` let pass. */
  readonly parsed: number
  /** The slowest input, in ms of processor time. */
  readonly slowest: number
}

/** An input that broke a promise; `hex` is for a regression test. */
export class FuzzFailure extends Error {
  readonly hex: string

  constructor(what: string, bytes: Uint8Array, seed: number, options?: ErrorOptions) {
    const hex = Buffer.from(bytes).toString('hex')
    super(`${what} (seed ${seed}): ${hex.length > 400 ? `${hex.slice(0, 400)}…` : hex}`, options)
    this.hex = hex
  }
}

/**
 * Sends random messages, good and bad, through everything that stands between the network and an exchange, and compares
 * the scan with the slow rules of `reference.ts` and with a decoder that knows nothing of it.
 *
 * @throws {@link FuzzFailure} with the first input that breaks a promise
 */
export function fuzzCodec(options: {
  readonly seed: number
  readonly inputs?: number
  readonly ms?: number
}): FuzzReport {
  const { seed, inputs: most = Number.POSITIVE_INFINITY, ms = Number.POSITIVE_INFINITY } = options
  const random = new Random(seed)
  const started = performance.now()
  const report = { inputs: 0, safe: 0, frames: 0, parsed: 0, slowest: 0 }
  while (report.inputs < most && performance.now() - started < ms) {
    const bytes = randomMessage(random)
    report.inputs += 1
    try {
      const before = processorMs()
      const frames = framesOf(bytes)
      report.slowest = Math.max(report.slowest, processorMs() - before)
      if ((frames !== undefined) !== isSafeMessage(bytes)) throw new Error('scan and rules differ')
      if (!frames) continue
      report.safe += 1
      report.frames += frames.length
      checkAgainstPlainDecoder(bytes, frames)
      for (const frame of frames) if (isParsed(frame)) report.parsed += 1
    } catch (error) {
      throw new FuzzFailure(error instanceof Error ? error.message : String(error), bytes, seed, { cause: error })
    }
  }
  return report
}

function processorMs(): number {
  return process.cpuUsage().user / 1_000
}

/** The frames of a message, `undefined` when it is refused; whatever else is thrown is a failure. */
function framesOf(bytes: Uint8Array): (readonly unknown[])[] | undefined {
  const frames: (readonly unknown[])[] = []
  let size = 0
  try {
    decodeMessage(bytes, SCAN_LIMITS, (frame, frameSize) => {
      frames.push(frame)
      size += frameSize
    })
  } catch (error) {
    if (error instanceof ProtocolError && frames.length === 0) return undefined
    throw error
  }
  if (size !== bytes.length) throw new Error('the sizes of the frames are not that of the message')
  return frames
}

/** What the scan lets pass, any decoder can read: here one that allocates what it is told to. */
function checkAgainstPlainDecoder(bytes: Uint8Array, frames: readonly unknown[]): void {
  const plain = [...new Decoder().decodeMulti(bytes)]
  if (plain.length !== frames.length) throw new Error('another decoder finds another number of frames')
}

/** Whether either side accepts the frame; if so, what it makes of it must survive the way back, byte by byte. */
function isParsed(frame: readonly unknown[]): boolean {
  let parsed = false
  for (const side of ['client', 'server'] as const) {
    const accepted = parsedBy(side, frame)
    if (!accepted) continue
    parsed = true
    const bytes = encodeFrame(accepted).slice()
    const again = framesOf(bytes)?.map(each => parsedBy(side, each)) ?? []
    if (again.length !== 1 || !again[0]) throw new Error('an accepted frame is refused after it was encoded')
    if (!Buffer.from(encodeFrame(again[0])).equals(bytes)) throw new Error('an accepted frame changes on its way')
  }
  return parsed
}

function parsedBy(side: Side, frame: readonly unknown[]): Frame | undefined {
  try {
    return parseFrame(frame, side)
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}
