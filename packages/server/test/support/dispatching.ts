import { type Interceptor, TautlineError, type TopicEntry } from '@tautline/core'
import {
  type CallFields,
  Deadlines,
  type EntryName,
  type Exchange,
  FrameType,
  type Outcome,
  Peer,
  type Position,
  parseFromClient,
  parseFromServer,
  pipe,
  SCAN_LIMITS,
} from '@tautline/core/wire'
import { expect } from 'vitest'
import { VirtualClock } from '../../../testing/src/clock.ts'
import { Dispatcher } from '../../src/dispatch.ts'
import { Failures } from '../../src/failures.ts'
import { routesOf } from '../../src/handlers.ts'
import { InFlight } from '../../src/inflight.ts'
import { Outcomes } from '../../src/outcomes.ts'
import type { Caller } from '../../src/run.ts'
import type { PublishOptions, TopicsPort } from '../../src/topics.ts'

const LIMITS = {
  sendBytes: 1_048_576,
  receiveBytes: 1_048_576,
  replayBytes: 4_194_304,
  itemWaterBytes: 1_048_576,
  scan: SCAN_LIMITS,
}

/** What was published, and how. */
export type Publication = {
  readonly topic: string
  readonly params: unknown
  readonly message: unknown
  readonly options: PublishOptions | undefined
}

/** A call in flight, from its caller's side. */
export type Asked = {
  readonly exchange: Exchange
  /** How it ended: `{ value }` or `{ error }`. */
  readonly answer: Promise<{ readonly value?: unknown; readonly error?: TautlineError }>
}

export type Options = {
  readonly context?: unknown
  readonly identity?: string
  readonly interceptors?: readonly Interceptor[]
  readonly validateOutput?: boolean
  readonly calls?: number
  readonly callBytes?: number
  readonly onError?: (error: unknown) => unknown
  readonly unsent?: () => number
  readonly publish?: (topic: TopicEntry, message: unknown) => Promise<Position>
  readonly outcomes?: { readonly ms: number; readonly bytes: number; readonly totalBytes: number }
  /** Credit for items up. */
  readonly window?: number
}

/** A dispatcher behind a session's peer, and the client's peer in front of it. */
export class Dispatching {
  readonly clock = new VirtualClock()
  readonly deadlines = new Deadlines(this.clock, 100)
  readonly reports: { error: unknown; incident: string; entry: string }[] = []
  readonly published: Publication[] = []
  readonly retracted: unknown[] = []
  readonly dispatcher: Dispatcher
  readonly outcomes: Outcomes
  readonly inflight: InFlight
  readonly client: Peer
  readonly server: Peer
  caller: Caller

  constructor(contract: object, handlers: object, options: Options = {}) {
    const { clock, deadlines } = this
    this.outcomes = new Outcomes(clock, options.outcomes)
    const topics: TopicsPort = {
      publish: async (topic, params, message, how) => {
        this.published.push({ topic: topic.path, params, message, options: how })
        return options.publish ? options.publish(topic, message) : ['e', this.published.length]
      },
      retract: async (topic, params, key) => void this.retracted.push([topic.path, params, key]),
    }
    const failures = new Failures((error, { incident, entry }) => {
      this.reports.push({ error, incident, entry })
      return options.onError?.(error)
    })
    this.dispatcher = new Dispatcher({
      routes: routesOf(contract, handlers),
      interceptors: options.interceptors ?? [],
      validateOutput: options.validateOutput ?? true,
      failures,
      clock,
      deadlines,
      limits: { timeoutMs: 3_600_000 },
      topics,
      outcomes: this.outcomes,
    })
    this.inflight = new InFlight(
      { calls: options.calls ?? 256, callBytes: options.callBytes ?? 8_388_608 },
      options.unsent && {
        get unsentBytes() {
          return options.unsent?.() ?? 0
        },
      },
    )
    this.caller = {
      session: { id: 'public', identity: options.identity, address: '::1' },
      context: options.context,
      inflight: this.inflight,
    }
    this.client = this.#peer('client', options.window)
    this.server = this.#peer('server', options.window)
    const [a, b] = pipe(clock)
    this.server.link.attach(b, 0)
    this.client.link.attach(a, 0)
  }

  /** Calls a procedure or a stream. */
  call(entry: EntryName, input?: unknown, fields?: CallFields): Asked {
    const window = fields?.window ?? 65_536
    return this.#open(window, id => [FrameType.CALL, id, entry, input, { ...fields, window }])
  }

  /** Calls, lets everything happen that needs no time, and gives how it ended. */
  async ask(entry: EntryName, input?: unknown, fields?: CallFields): ReturnType<typeof settled> {
    return settled(this.call(entry, input, fields), this.clock)
  }

  publish(entry: EntryName, params: unknown, message: unknown, key?: string): Asked {
    return this.#open(0, id => [FrameType.PUBLISH, id, entry, params, message, key === undefined ? undefined : { key }])
  }

  /** Ends both ends; nothing may be left over. */
  async close(): Promise<void> {
    const over = new TautlineError('UNAVAILABLE', 'the test is over')
    this.server.lose(over)
    this.client.lose(over)
    await this.clock.settle()
    expect([this.inflight.calls, this.inflight.bytes, this.deadlines.size]).toEqual([0, 0, 0])
    this.deadlines.clear()
    expect(this.clock.pending).toBe(0)
  }

  #open(window: number, frame: Parameters<Peer['open']>[0]['frame']): Asked {
    const exchange = this.client.open({ window, frame })
    const answer = new Promise<Awaited<Asked['answer']>>(resolve => {
      exchange.owner = { ended: outcome => resolve(outcomeOf(outcome)) }
    })
    void exchange.items
    return { exchange, answer }
  }

  #peer(role: 'client' | 'server', window = 65_536): Peer {
    const { clock, deadlines } = this
    const parse = role === 'client' ? parseFromServer : parseFromClient
    return new Peer(
      { parse, clock, deadlines, limits: LIMITS, window },
      {
        opened: (exchange, frame, size) => {
          if (frame[0] === FrameType.CALL) this.dispatcher.call(this.caller, exchange, frame, size)
          else this.dispatcher.publish(this.caller, exchange, frame, size)
        },
        frame: frame => {
          throw new Error(`unexpected frame ${frame[0]}`)
        },
        broken: error => {
          throw error
        },
        closed: () => undefined,
        overflowed: () => undefined,
      },
    )
  }
}

/** How a call ended; fails when it has not once everything has happened that needs no time. */
export async function settled({ answer }: Asked, clock: VirtualClock): Promise<Awaited<Asked['answer']>> {
  let ended: Awaited<Asked['answer']> | undefined
  void answer.then(how => {
    ended = how
  })
  await clock.settle()
  if (!ended) throw new Error('the call has not ended')
  return ended
}

function outcomeOf(outcome: Outcome): Awaited<Asked['answer']> {
  if (outcome.kind === 'end') return { value: outcome.value }
  if (outcome.kind === 'fail') return { error: outcome.error }
  throw new Error('only a callee is told of a cancellation')
}
