import { safe } from '@tautline/client'
import type { Answer, CanonicalCode, TautlineError } from '@tautline/core'
import { connection, sent } from './live.ts'
import { randomId } from './me.ts'

const AGAIN_MS = 1_000
const MOST_WAITING = 500

/** Says one thing after another on one channel and numbers them from 1. What is refused leaves no hole in the numbers. */
export class Speaker {
  #last = 0
  #waiting = 0
  #turn: Promise<unknown> = Promise.resolve()

  /** Whether so much is waiting that no more is taken. */
  get busy(): boolean {
    return this.#waiting >= MOST_WAITING
  }

  /** `send` is called when it is this one's turn, and again with the same key while nobody knows whether it arrived. */
  say<Value, Declared extends TautlineError = never>(
    send: (seq: number, idempotencyKey: string) => Answer<Value, Declared>,
  ): Promise<Declared | TautlineError<CanonicalCode> | undefined> {
    this.#waiting += 1
    const turn = this.#turn.then(() => this.#insist(send))
    this.#turn = turn
    return turn
  }

  async #insist<Value, Declared extends TautlineError>(
    send: (seq: number, idempotencyKey: string) => Answer<Value, Declared>,
  ): Promise<Declared | TautlineError<CanonicalCode> | undefined> {
    const key = randomId()
    for (;;) {
      const { ok, error } = await safe(send(this.#last + 1, key))
      if (!ok && isUnknown(error) && connection.state.status !== 'closed') {
        await new Promise(resolve => setTimeout(resolve, AGAIN_MS))
        continue
      }
      this.#waiting -= 1
      if (!ok) return error
      this.#last += 1
      sent.count += 1
      return undefined
    }
  }
}

function isUnknown({ code }: TautlineError): boolean {
  return code === 'UNAVAILABLE' || code === 'DEADLINE_EXCEEDED'
}
