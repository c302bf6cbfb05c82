/** Measures one subject in a process that speaks to nobody else: starts its server, and lays the load on. */
import { Running } from '../running.ts'
import type { Subject } from '../subjects.ts'
import { pause } from './calls.ts'
import { prove } from './prove.ts'
import { type Effort, type Row, STEPS } from './steps.ts'

/** A step, by its number, which is to be prepared, or measured once more. */
export interface Order {
  readonly subject: Subject
  readonly step: number
  readonly effort: Effort
  readonly does: 'prepare' | 'measure'
}

/** What was measured, or nothing yet. */
export type Answer = { readonly row: Row } | { readonly failure: string }

/** Between what was done and what is measured, in ms. */
const PAUSE_MS = 50

let running: Running | undefined
let proven = false
let measure: () => Promise<Row> = async () => {
  throw new Error('nothing is prepared')
}

process.on('disconnect', () => void end())
process.on('message', async (order: Order) => {
  const answer: Answer = await followed(order).then(
    row => ({ row }),
    error => ({ failure: error instanceof Error ? error.message : String(error) }),
  )
  process.send?.(answer)
})

async function followed({ subject, step, effort, does }: Order): Promise<Row> {
  const { processes, prepare } = STEPS[step] as (typeof STEPS)[number]
  running ??= await Running.start(subject)
  if (does === 'measure') return Promise.race([measure(), running.failure])
  running.disconnect()
  // What has not shown that it does its work is not measured; what shall have done nothing else, has shown it elsewhere.
  if (processes === undefined && !proven) await Promise.race([prove(running), running.failure])
  proven = true
  measure = await Promise.race([prepare(running, effort), running.failure])
  await pause(PAUSE_MS)
  return {}
}

async function end(): Promise<void> {
  await running?.end()
  process.exit()
}
