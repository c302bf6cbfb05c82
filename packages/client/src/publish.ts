import type { Position, PublishOptions, TopicEntry } from '@tautline/core'
import { encodeValue, parsePosition, positionText } from '@tautline/core/wire'
import { check, refusalOf } from './check.ts'
import type { TopicLine } from './topic-line.ts'

/** Channels on which a volatile message may wait; those of further ones are dropped. */
const MOST_WAITING = 100

type Waiting = {
  /** Settles its promise with what comes of sending it, or with nothing. */
  readonly settle: (sent?: Promise<Position | undefined>) => void
  readonly send: () => Promise<Position | undefined>
}

/**
 * What this client publishes. A volatile message goes now or is dropped: while the socket is there but busy, the newest
 * one of each channel waits for its turn (api.md, `volatile`).
 */
export class Publishes {
  readonly #line: TopicLine
  readonly #waiting = new Map<string, Waiting>()
  #attached = false

  constructor(line: TopicLine) {
    this.#line = line
  }

  /** Resolves with the position, or with `undefined` where there is none or a volatile message was dropped. */
  async publish(
    entry: TopicEntry,
    params: unknown,
    message: unknown,
    options: PublishOptions = {},
  ): Promise<Position | undefined> {
    try {
      check(entry, entry.params, params, 'params of')
      check(entry, entry.publish, message, 'message to')
      const send = async () => positionOf(await this.#line.publish(entry, params, message, options))
      if (!options.volatile || this.#line.writable) return await send()
      if (!this.#attached) return this.#drop()
      return await this.#wait(String(encodeValue([entry.path, params]).bytes), send)
    } catch (thrown) {
      throw refusalOf(thrown)
    }
  }

  /** A new socket. */
  attached(): void {
    this.#attached = true
  }

  /** The socket is gone, and what waits for it with it. */
  detached(): void {
    this.#attached = false
    for (const { settle } of this.#waiting.values()) settle()
    this.#waiting.clear()
  }

  /** Bytes have left: what waits may go. */
  room(): void {
    for (const [channel, { settle, send }] of this.#waiting) {
      if (!this.#line.writable) return
      this.#waiting.delete(channel)
      settle(send())
    }
  }

  /** The next one may find a socket. */
  #drop(): undefined {
    try {
      this.#line.open()
    } catch {
      // The connection is closed, and who publishes only what can go now need not know.
    }
  }

  #wait(channel: string, send: Waiting['send']): Promise<Position | undefined> | undefined {
    const older = this.#waiting.get(channel)
    if (!older && this.#waiting.size >= MOST_WAITING) return undefined
    older?.settle()
    return new Promise(resolve => this.#waiting.set(channel, { send, settle: resolve }))
  }
}

/** Of the END of a PUBLISH, which a server may leave empty where nothing is retained. */
function positionOf(value: unknown): Position | undefined {
  return value === undefined || value === null ? undefined : positionText(parsePosition(value))
}
