import { setTimeout as pass } from 'node:timers/promises'
import type { Publisher } from '@tautline/core'
import { TautlineError } from '@tautline/core'
import { arena } from './arena.ts'
import type { Happening } from './history.ts'

/** Who speaks, where, and how often. */
export interface Speech {
  /** Nobody else's, of all processes. */
  readonly name: string
  readonly rooms: readonly string[]
  /** Ms between two messages. */
  readonly everyMs: number
}

/** Publishes to the logs of rooms in turn, one message after the other, by a server or without one. */
export class Speaker {
  readonly #stop = new AbortController()
  readonly #spoken: Promise<void>

  /**
   * @param record - hears of each message before it is published, and of what became of it.
   * @param problem - hears of what no broker may do.
   */
  constructor(
    publisher: Publisher,
    speech: Speech,
    record: (happening: Happening) => void,
    problem: (what: string) => void,
  ) {
    this.#spoken = speak(publisher, speech, record, problem, this.#stop.signal)
  }

  /** Falls silent; resolves when all it said is settled. */
  hush(): Promise<void> {
    this.#stop.abort()
    return this.#spoken
  }
}

async function speak(
  publisher: Publisher,
  { name, rooms, everyMs }: Speech,
  record: (happening: Happening) => void,
  problem: (what: string) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let n = 0; !signal.aborted; n++) {
    const room = rooms[n % rooms.length] ?? ''
    const channel = `log ${room}`
    const said = { producer: `${name} in ${channel}`, seq: Math.floor(n / rooms.length) }
    record({ kind: 'published', ...said, channel })
    const outcome = await publisher.publish(arena.log, { room }, said).then(
      () => 'acknowledged' as const,
      (thrown: unknown) => {
        const { code, message, mayHaveRun } = TautlineError.from(thrown)
        if (code !== 'UNAVAILABLE') problem(`${name}: ${code}: ${message}`)
        return mayHaveRun === false ? 'rejected' : 'unknown'
      },
    )
    record({ kind: 'publish settled', ...said, channel, outcome })
    await pass(everyMs, undefined, { signal }).catch(() => undefined)
  }
}
