import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Handlers } from '@tautline/server'
import type { Live, Visitor } from '../contract.ts'

const MIB = 1_048_576
const LIMIT = 256 * MIB

/** Slow enough for an eye to follow, and for a line to be cut in the middle. */
const SECONDS = 5

export const files: Handlers<Live['files'], Visitor> = {
  async *send({ size }, { up, signal, error }) {
    if (size > LIMIT) throw error('TOO_LARGE', { limit: LIMIT })
    const hash = createHash('sha256')
    const bytesPerMs = Math.max(MIB, size / SECONDS) / 1_000
    let received = 0
    let seq = 0
    for await (const chunk of up) {
      received += chunk.length
      if (received > LIMIT) throw error('TOO_LARGE', { limit: LIMIT })
      hash.update(chunk)
      yield { seq: ++seq, received }
      await pause(chunk.length / bytesPerMs, undefined, { signal })
    }
    return { sha256: hash.digest('hex'), received }
  },
}
