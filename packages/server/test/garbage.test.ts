import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { contract, procedure } from '@tautline/core'
import { expect, it } from 'vitest'
import * as z from 'zod'
import { Dispatching } from './support/dispatching.ts'

const BYTES = 262_144

setFlagsFromString('--expose-gc')
/** Looks only at what is young. */
const scavenge = (): void => (runInNewContext('gc') as (options: object) => void)({ type: 'minor' })

it('a call that is answered leaves nothing behind that only a full garbage collection would find', async () => {
  const api = contract({ weigh: procedure({ input: z.instanceof(Uint8Array), output: z.number() }) })
  const bench = new Dispatching(api, { weigh: (bytes: Uint8Array) => bytes.length })
  const held: number[] = []
  for (let i = 0; i < 30; i++) {
    expect(await bench.ask('weigh', new Uint8Array(BYTES))).toEqual({ value: BYTES })
    scavenge()
    held.push(process.memoryUsage().arrayBuffers)
  }
  const [after10 = 0, after30 = 0] = [held[9], held[29]]
  expect((after30 - after10) / BYTES).toBeLessThan(10)
  await bench.close()
})
