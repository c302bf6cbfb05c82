import { AckPolicy, DeliverPolicy, type DirectMsgRequest, type JsMsg, type StoredMsg } from '@nats-io/jetstream'
import { errors, type MsgHdrs, nanos } from '@nats-io/transport-node'
import { ignore, isStreamGone } from './failures.ts'
import type { Engine, Line } from './line.ts'
import { type ChannelRecord, headersOf, recordOf, type Stored } from './record.ts'
import { OF_SUBJECT, ROLLUP } from './rollup.ts'

/** Nothing waits at the engine for a reader that is gone, so many ms later. */
const READER_MS = 5_000
/** Records that are asked for at once. */
const AT_ONCE = 500
/** What a server has not that lags is waited for, for so many ms. */
const LAG_MS = 1_000
/** Up to so many messages are asked for one by one. */
const FEW = 4
const EXPECTED_STREAM = 'Nats-Expected-Stream'
const PREVIOUS = 'Nats-Expected-Last-Subject-Sequence'

/** The newest message of a subject; `record` is absent where somebody else has written it. */
export interface Newest {
  readonly seq: number
  readonly stored: Stored | undefined
}

interface Reading {
  readonly from: number
  readonly to: number
  readonly headersOnly: boolean
  readonly policy?: DeliverPolicy
}

/** The stream: what it is asked, in terms of records. All methods throw what the engine or the connection says. */
export class Store {
  readonly #line: Line
  readonly #stream: string

  constructor(line: Line, stream: string) {
    this.#line = line
    this.#stream = stream
  }

  /**
   * Stores a record behind the one with number `expected`, if that is still the newest of the subject (0: none).
   *
   * @param instead - of all that the subject has.
   * @returns its number.
   */
  append(
    subject: string,
    record: ChannelRecord,
    bodies: Uint8Array,
    expected: number,
    instead: boolean,
  ): Promise<number> {
    const expect = { [EXPECTED_STREAM]: [this.#stream], [PREVIOUS]: [String(expected)] }
    const headers = headersOf(record, instead ? { ...expect, [ROLLUP]: [OF_SUBJECT] } : expect)
    return this.#ask(async ({ streams }) => {
      const { seq } = await streams.publish(subject, bodies, { headers })
      return seq
    })
  }

  /** The newest message of a subject, as some server of the stream has it; it may lag. */
  async newest(subject: string): Promise<Newest | undefined> {
    try {
      return await this.#ask(async ({ manager }) =>
        newestOf(await manager.direct.getMessage(this.#stream, { last_by_subj: subject })),
      )
    } catch (error) {
      // Where there is no stream, there is silence: the server that decides would say so.
      if (error instanceof errors.TimeoutError) return this.decided(subject)
      throw error
    }
  }

  /** The newest message of a subject, as the server has it that decides. */
  decided(subject: string): Promise<Newest | undefined> {
    return this.#ask(async ({ manager }) =>
      newestOf(await manager.streams.getMessage(this.#stream, { last_by_subj: subject })),
    )
  }

  /** The records of a subject from one number to another, in order. */
  async records(subject: string, from: number, to: number): Promise<Stored[]> {
    const found: Stored[] = []
    await this.#read(subject, { from, to, headersOnly: true }, (seq, { headers }) => {
      const stored = storedOf(seq, headers)
      if (stored) found.push(stored)
    })
    return found
  }

  /** The newest record of every subject that matches. */
  async newestOfAll(subjects: string): Promise<ReadonlyMap<string, Stored>> {
    const found = new Map<string, Stored>()
    const all = { from: 0, to: Number.POSITIVE_INFINITY, headersOnly: true }
    await this.#read(subjects, { ...all, policy: DeliverPolicy.LastPerSubject }, (seq, { subject, headers }) => {
      const stored = storedOf(seq, headers)
      if (stored) found.set(subject, stored)
    })
    return found
  }

  /** The bodies of messages of a subject, by their numbers; those that are gone are not there. */
  async bodies(subject: string, numbers: readonly number[]): Promise<ReadonlyMap<number, Uint8Array>> {
    const wanted = new Set(numbers)
    const found = new Map<number, Uint8Array>()
    const take = async (seq: number, get: typeof getBySeq) => {
      const message = await this.#ask(({ manager }) => get(manager, this.#stream, seq))
      if (message?.subject === subject) found.set(seq, message.data)
    }
    const [from = 0, to = from] = [numbers[0], numbers.at(-1)]
    if (wanted.size <= FEW) await Promise.all([...wanted].map(seq => take(seq, getBySeq)))
    else {
      await this.#read(subject, { from, to, headersOnly: false }, (seq, { data }) => {
        if (wanted.has(seq)) found.set(seq, data)
      })
    }
    // Of a stream that is kept on several servers, one may lag that is asked: what it has not may be there.
    const missing = numbers.filter(seq => !found.has(seq))
    await Promise.all(missing.map(seq => take(seq, getDecidedBySeq)))
    return found
  }

  /** Drops what a subject has before that number. */
  async dropBefore(subject: string, seq: number): Promise<void> {
    await this.#ask(({ manager }) => manager.streams.purge(this.#stream, { filter: subject, seq }))
  }

  /** Drops one message. */
  async drop(seq: number): Promise<void> {
    await this.#ask(({ manager }) => manager.streams.deleteMessage(this.#stream, seq, false))
  }

  async #ask<T>(question: (engine: Engine) => Promise<T>): Promise<T> {
    try {
      return await this.#line.ask(question)
    } catch (error) {
      if (isStreamGone(error)) this.#line.doubt()
      throw error
    }
  }

  async #read(
    subject: string,
    { from, to, headersOnly, policy = DeliverPolicy.StartSequence }: Reading,
    take: (seq: number, message: JsMsg) => void,
  ): Promise<void> {
    await this.#ask(async ({ streams, manager }) => {
      const info = await manager.consumers.add(this.#stream, {
        filter_subject: subject,
        deliver_policy: policy,
        ...(policy === DeliverPolicy.StartSequence ? { opt_start_seq: Math.max(1, from) } : {}),
        ack_policy: AckPolicy.None,
        headers_only: headersOnly,
        mem_storage: true,
        num_replicas: 1,
        inactive_threshold: nanos(READER_MS),
      })
      const consumer = streams.consumers.getConsumerFromInfo(info)
      try {
        let left = info.num_pending
        // Of a stream that is kept on several servers, one may lag that reads: the last may come in a moment, or be gone.
        for (let isLast = false; !isLast; ) {
          isLast = left === 0
          if (isLast && !Number.isFinite(to)) return
          let seen = 0
          const most = { max_messages: Math.min(AT_ONCE, Math.max(1, left)), expires: isLast ? LAG_MS : 2_000 }
          for await (const message of await consumer.fetch(most)) {
            seen += 1
            left = message.info.pending
            if (message.seq <= to) take(message.seq, message)
            if (message.seq >= to) return
          }
          if (seen === 0 && !isLast) throw new Error('NATS did not deliver what it has')
          if (seen > 0) isLast = false
        }
      } finally {
        consumer.delete().catch(ignore)
      }
    })
  }
}

async function getBySeq(manager: Engine['manager'], stream: string, seq: number): Promise<StoredMsg | null> {
  const query: DirectMsgRequest = { seq }
  return manager.direct.getMessage(stream, query)
}

function getDecidedBySeq(manager: Engine['manager'], stream: string, seq: number): Promise<StoredMsg | null> {
  return manager.streams.getMessage(stream, { seq })
}

function newestOf(message: StoredMsg | null): Newest | undefined {
  return message ? { seq: message.seq, stored: storedOf(message.seq, message.header) } : undefined
}

/** Reads a message of the stream, or of the feed: both have the same headers. */
export function storedOf(seq: number, read: MsgHdrs | undefined): Stored | undefined {
  const record = recordOf(read)
  return record && { seq, previous: Number(read?.get(PREVIOUS) || 0), record }
}
