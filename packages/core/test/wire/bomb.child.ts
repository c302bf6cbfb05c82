/** Runs in a process of its own with a small heap: sends it what kills a decoder without a scan. */
import { decodeMessage } from '../../src/wire/codec.ts'
import { ProtocolError } from '../../src/wire/frames.ts'
import { SCAN_LIMITS } from '../../src/wire/scan.ts'

const bombs = [
  '9203dd01ffffff',
  `9203${'dd01ffffff'.repeat(8)}`,
  `9203${'dd01ffffff'.repeat(16)}`,
  `9203${'dd01ffffff'.repeat(31)}`,
  `9203${'dcffff'.repeat(8_000)}`,
  `9203dd${'7fffffff'}${'dd01ffffff'.repeat(1_000)}`,
  `9203${'91'.repeat(1_000_000)}`,
  `9203dcea60${'df01ffffff'.repeat(60_000)}`,
  `9203${'c9010000000291dd00ffffff'.repeat(20)}`,
  `9203dd000fffff${'80'.repeat(1_048_575)}`,
].map(hex => Buffer.from(hex, 'hex'))

const result = { refused: 0, accepted: 0, slowest: 0, grown: 0 }
const before = process.memoryUsage().rss
for (let round = 0; round < 200; round++) {
  for (const bomb of bombs) {
    const started = process.cpuUsage().user
    try {
      decodeMessage(bomb, SCAN_LIMITS, () => {})
      result.accepted += 1
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      result.refused += 1
    }
    result.slowest = Math.max(result.slowest, (process.cpuUsage().user - started) / 1_000)
  }
}
result.grown = process.memoryUsage().rss - before
process.stdout.write(JSON.stringify(result))
