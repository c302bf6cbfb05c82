import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { stories } from './support/stories.ts'

describe('whatever happens to the line, the server and the token', () => {
  it('nothing is lost, repeated or reordered in silence, every call settles once, and nothing is left over', async () => {
    // As many as fit: a machine that is busy plays fewer stories instead of failing. `npm run torture` plays them all.
    await fc.assert(stories, { seed: 20_261_120, numRuns: 10_000, interruptAfterTimeLimit: 45_000 })
  }, 120_000)
})
