import { expect, it } from 'vitest'
import { fuzzCodec } from '../fuzz/codec.ts'

it.each([1, 2, 3, 4, 5, 6])(
  'scan, rules and decoders agree on random messages of seed %d, and nothing else is thrown',
  seed => {
    const { inputs, safe, frames, parsed, slowest } = fuzzCodec({ seed, inputs: 5_000 })
    expect(inputs).toBe(5_000)
    // A fuzzer whose inputs are all refused, or all accepted, would test nothing.
    expect(safe).toBeGreaterThan(inputs / 5)
    expect(inputs - safe).toBeGreaterThan(inputs / 5)
    expect(parsed).toBeGreaterThan(frames / 20)
    // What takes a millisecond when nothing else runs; a message that blocks a server takes hundreds.
    expect(slowest).toBeLessThan(100)
  },
  30_000,
)
