/** Measures one subject in a process that speaks to nobody else: starts its server, and lays the load on. */
import { Running } from '../running.ts'
import type { Subject } from '../subjects.ts'
import { pause } from './calls.ts'
import { prove } from './prove.ts'
import { type Effort, type Row, STEPS } from './steps.ts'

/** What is to be measured: a step by its number. */
export interface Order {
  readonly subject: Subject
  readonly step: number
  readonly effort: Effort
}

export type Answer = { readonly row: Row } | { readonly failure: string }

/** Between what was measured and what is measured next, in ms. */
const PAUSE_MS = 50

let running: Running | undefined
let proven = false

process.on('disconnect', () => void end())
process.on('message', async (order: Order) => {
  const answer: Answer = await measured(order).then(
    row => ({ row }),
    error => ({ failure: error instanceof Error ? error.message : String(error) }),
  )
  process.send?.(answer)
})

async function measured({ subject, step, effort }: Order): Promise<Row> {
  const { isFresh, measure } = STEPS[step] as (typeof STEPS)[number]
  running ??= await Running.start(subject)
  // What has not shown that it does its work is not measured; what shall have done nothing else, has shown it elsewhere.
  if (!isFresh && !proven) await Promise.race([prove(running), running.failure])
  proven = true
  const row = await Promise.race([measure(running, effort), running.failure])
  await pause(PAUSE_MS)
  return row
}

async function end(): Promise<void> {
  await running?.end()
  process.exit()
}
