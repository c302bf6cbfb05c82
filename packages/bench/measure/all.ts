import { once } from 'node:events'
import { forkModule, within } from '../running.ts'
import type { Subject } from '../subjects.ts'
import type { Answer, Order } from './measurer.ts'
import { type Column, type Effort, type Row, STEPS } from './steps.ts'
import { medianRowOf, toAndFro } from './turns.ts'

/** Does something, and tells what became of it if it failed: everything else goes on. */
export type Attempt = <T>(what: string, act: () => Promise<T>) => Promise<T | undefined>

/** How long one step may take of one subject, in ms. */
const PATIENCE_MS = 240_000

/**
 * Measures all subjects once. Each has a server of its own, and a process of its own that lays the load on: whoever has
 * spoken other wires before is slower. What is compared is measured in turn, a part of a second each, over and over,
 * since a machine has its moods; of all those turns the median counts.
 */
export async function measureRound(
  subjects: readonly Subject[],
  effort: Effort,
  wanted: readonly Column[],
  attempt: Attempt,
): Promise<ReadonlyMap<Subject, Row>> {
  const rows = new Map<Subject, Row>(subjects.map(subject => [subject, {}]))
  const measurers = new Map<Subject, Measurer>()
  for (const [step, { columns, processes }] of STEPS.entries()) {
    if (!columns.some(it => wanted.includes(it))) continue
    const found = new Map<Subject, Row[]>(subjects.map(subject => [subject, []]))
    for (let i = 0; i < Math.min(processes ?? 1, effort.turns); i++) {
      const inTurn = processes === undefined ? measurers : new Map<Subject, Measurer>()
      await takeTurns(found, inTurn, { step, effort }, attempt)
      if (inTurn !== measurers) for (const measurer of inTurn.values()) await measurer.end()
    }
    for (const [subject, turns] of found) rows.set(subject, { ...rows.get(subject), ...medianRowOf(turns) })
  }
  for (const measurer of measurers.values()) await measurer.end()
  return rows
}

/** Prepares a step of all subjects, and measures it in turn. Whoever fails at it is not asked again. */
async function takeTurns(
  found: ReadonlyMap<Subject, Row[]>,
  measurers: Map<Subject, Measurer>,
  what: Pick<Order, 'step' | 'effort'>,
  attempt: Attempt,
): Promise<void> {
  const { step, effort } = what
  const name = STEPS[step]?.columns[0]
  const failed = new Set<Subject>()
  const ask = async (subject: Subject, does: Order['does']): Promise<Row | undefined> => {
    const row = await attempt(`${subject.name}: ${name}`, async () => {
      const measurer = measurers.get(subject) ?? new Measurer(subject)
      measurers.set(subject, measurer)
      return measurer.follow({ ...what, does })
    })
    if (row) return row
    failed.add(subject)
    await measurers.get(subject)?.end()
    measurers.delete(subject)
    return undefined
  }
  const subjects = [...found.keys()]
  for (const subject of subjects) await ask(subject, 'prepare')
  for (let turn = 0; turn < effort.turns; turn++) {
    for (const subject of toAndFro(subjects, turn)) {
      const row = failed.has(subject) ? undefined : await ask(subject, 'measure')
      if (row) found.get(subject)?.push(row)
    }
  }
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

  async follow(order: Omit<Order, 'subject'>): Promise<Row> {
    this.#process.send({ ...order, subject: this.#subject } satisfies Order)
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
