import type { Change, Page } from '@tautline/server'
import { failed } from './failures.ts'

/** What an engine that is not ours to trust answered, read as what the script should have. */
export class Reply {
  readonly #values: readonly unknown[]

  /** @throws TypeError when it is no list. */
  constructor(value: unknown) {
    if (!Array.isArray(value)) throw new TypeError('Redis answered with something else than a script of ours does')
    this.#values = value
  }

  get length(): number {
    return this.#values.length
  }

  text(at: number): string {
    const value = this.#values[at]
    if (!(value instanceof Buffer)) throw new TypeError(`Redis answered with no text at ${at}`)
    return value.toString()
  }

  number(at: number): number {
    const value = this.#values[at]
    const number = typeof value === 'number' ? value : Number(this.text(at))
    if (!Number.isSafeInteger(number)) throw new TypeError(`Redis answered with no number at ${at}`)
    return number
  }

  buffer(at: number): Buffer | undefined {
    const value = this.#values[at]
    return value instanceof Buffer ? value : undefined
  }

  list(at: number): Reply {
    return new Reply(this.#values[at])
  }
}

/** @throws {@link TautlineError} `UNAVAILABLE` for what no script of ours answers. */
export function replyOf(value: unknown): Reply {
  try {
    return new Reply(value)
  } catch (error) {
    throw failed(error)
  }
}

/**
 * The page that a reading script answered with.
 *
 * @param skip - bytes before each body that are not the message's.
 */
export function pageOf(reply: Reply, skip: number): Page {
  const found = reply.list(5)
  const changes: Change[] = []
  for (let i = 0; i < found.length; i += 3) {
    changes.push({
      offset: found.number(i),
      key: found.buffer(i + 1)?.toString(),
      body: found.buffer(i + 2)?.subarray(skip),
    })
  }
  return {
    epoch: reply.text(0),
    head: reply.number(1),
    floor: reply.number(2),
    after: reply.number(3),
    through: reply.number(4),
    changes,
  }
}
