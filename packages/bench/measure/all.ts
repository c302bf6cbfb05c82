import { once } from 'node:events'
import { forkModule, within } from '../running.ts'
import type { Subject } from '../subjects.ts'
import type { Answer, Order } from './measurer.ts'
import { type Column, type Effort, type Row, STEPS } from './steps.ts'

/** Does something, and tells what became of it if it failed: everything else goes on. */
export type Attempt = <T>(what: string, act: () => Promise<T>) => Promise<T | undefined>

/** How long one step may take of one subject, in ms. */
const PATIENCE_MS = 240_000

/**
 * Measures all subjects once. Each has a server of its own, and a process of its own that lays the load on: whoever has
 * spoken other wires before is slower. What is compared is measured one right after the other, since a machine has its
 * moods.
 */
export async function measureRound(
  subjects: readonly Subject[],
  effort: Effort,
  wanted: readonly Column[],
  attempt: Attempt,
): Promise<ReadonlyMap<Subject, Row>> {
  const rows = new Map<Subject, Row>(subjects.map(subject => [subject, {}]))
  const measurers = new Map<Subject, Measurer>()
  for (const [step, { columns, isFresh }] of STEPS.entries()) {
    if (!columns.some(it => wanted.includes(it))) continue
    for (const subject of subjects) {
      await attempt(`${subject.name}: ${columns[0]}`, async () => {
        const measurer = (!isFresh && measurers.get(subject)) || new Measurer(subject)
        if (!isFresh) measurers.set(subject, measurer)
        try {
          rows.set(subject, { ...rows.get(subject), ...(await measurer.measure(step, effort)) })
        } catch (error) {
          await measurer.end()
          measurers.delete(subject)
          throw error
        }
        if (isFresh) await measurer.end()
      })
    }
  }
  for (const measurer of measurers.values()) await measurer.end()
  return rows
}

/** A process that measures one subject; see measurer.ts. */
class Measurer {
  readonly #subject: Subject
  readonly #process = forkModule('measure/measurer')

  readonly #ended: Promise<never>

  constructor(subject: Subject) {
    this.#subject = subject
    this.#ended = once(this.#process, 'exit').then(([code, signal]) => {
      throw new Error(`who measures ended with ${signal ?? code}`)
    })
    this.#ended.catch(() => undefined)
  }

  async measure(step: number, effort: Effort): Promise<Row> {
    const order: Order = { subject: this.#subject, step, effort }
    this.#process.send(order)
    const answer = await within(Promise.race([this.#answer(), this.#ended]), 'it is measured', PATIENCE_MS)
    if ('failure' in answer) throw new Error(answer.failure)
    return answer.row
  }

  async #answer(): Promise<Answer> {
    const [answer] = await once(this.#process, 'message')
    return answer as Answer
  }

  /** Its server ends with it. */
  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const gone = once(this.#process, 'exit')
    this.#process.disconnect()
    await gone
  }
}
