import { TautlineError } from '@tautline/core'
import type { Clock, Deadlines, Position } from '@tautline/core/wire'
import type {
  Broker,
  BrokerChannel,
  BrokerStatus,
  Feed,
  FeedListener,
  From,
  Page,
  PageLimit,
  Publication,
} from './broker.ts'
import type { Failures } from './failures.ts'
import { Recurring } from './recurring.ts'

/** How long a broker may take for an answer, in ms. */
const ANSWER_MS = 5_000
/** The last of it, which begins anew for a process that slept: answers that came meanwhile are read first. */
const LAST_MS = 100

/** What guards the broker of a server: `onError` is told why it fails, at once, and then once a minute. */
export function guardedBroker(
  broker: Broker,
  parts: { readonly clock: Clock; readonly deadlines: Deadlines; readonly failures: Pick<Failures, 'report'> },
): Broker {
  const { clock, deadlines, failures } = parts
  const troubles = new Recurring(
    error => void failures.report(error, 'broker'),
    () => clock.now(),
  )
  return new GuardedBroker(broker, deadlines, error => troubles.add(error))
}

/**
 * A broker as the server asks it. Whatever the one behind it does (throw, reject, never settle), there is an answer in
 * time, and it is `UNAVAILABLE` or what was rejected with on purpose. Why it failed is reported here and nowhere else.
 */
export class GuardedBroker implements Broker {
  readonly #broker: Broker
  readonly #deadlines: Deadlines
  readonly #report: (error: unknown) => void

  /** @param report - told of every failure: those who asked learn only that there was one. */
  constructor(broker: Broker, deadlines: Deadlines, report: (error: unknown) => void) {
    this.#broker = broker
    this.#deadlines = deadlines
    this.#report = report
  }

  get status(): BrokerStatus {
    return this.#broker.status
  }

  publish(channel: BrokerChannel, publication: Publication): Promise<Position> {
    return this.#ask(() => this.#broker.publish(channel, publication))
  }

  /** A feed that comes when nobody waits for it any more is closed. */
  subscribe(channel: BrokerChannel, listener: FeedListener): Promise<Feed> {
    return this.#ask(
      () => this.#broker.subscribe(channel, listener),
      feed => feed.close(),
    )
  }

  read(channel: BrokerChannel, from: From, limit: PageLimit): Promise<Page> {
    return this.#ask(() => this.#broker.read(channel, from, limit))
  }

  heads(channels: readonly BrokerChannel[]): Promise<readonly (Position | undefined)[]> {
    return this.#ask(() => this.#broker.heads(channels))
  }

  renew(channel: BrokerChannel, held: ReadonlyMap<string, number>, leaseMs: number): Promise<readonly string[]> {
    return this.#ask(() => this.#broker.renew(channel, held, leaseMs))
  }

  onStatus(listener: (status: BrokerStatus) => void): () => void {
    return this.#broker.onStatus(listener)
  }

  close(): Promise<void> {
    return this.#broker.close()
  }

  /** @param late - takes an answer that came when nobody waited for it any more. */
  #ask<T>(question: () => Promise<T>, late?: (answer: T) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      let waiting = true
      const fail = (thrown: unknown) => {
        const error = unavailable(thrown)
        // What it rejects with on purpose is for whoever asked.
        if (error.code === 'UNAVAILABLE') this.#report(thrown)
        reject(error)
      }
      const giveUp = () => {
        waiting = false
        fail(new TautlineError('UNAVAILABLE', 'the broker does not answer', { mayHaveRun: true }))
      }
      let deadline = this.#deadlines.add(ANSWER_MS - LAST_MS, () => {
        deadline = this.#deadlines.add(LAST_MS, giveUp)
      })
      const answered = () => {
        this.#deadlines.delete(deadline)
        const wanted = waiting
        waiting = false
        return wanted
      }
      attempt(question).then(
        answer => {
          if (answered()) resolve(answer)
          else late?.(answer)
        },
        (error: unknown) => {
          if (answered()) fail(error)
        },
      )
    })
  }
}

/** A broker that throws is one that rejects. */
function attempt<T>(question: () => Promise<T>): Promise<T> {
  try {
    return Promise.resolve(question())
  } catch (error) {
    return Promise.reject(error)
  }
}

function unavailable(error: unknown): TautlineError {
  if (error instanceof TautlineError) return error
  return new TautlineError('UNAVAILABLE', 'the broker failed', { mayHaveRun: true, cause: error })
}
