import type { TautlineError, TopicEntry } from '@tautline/core'
import type { Frame } from '@tautline/core/wire'
import { type AnyChannel, channel } from './channel.ts'
import { Publishes } from './publish.ts'
import { Subscriptions } from './subscriptions.ts'
import type { TopicLine } from './topic-line.ts'

/** All topics of a connection: what it tells of its sockets and frames, they get. */
export class Topics {
  readonly #line: TopicLine
  readonly #subscriptions: Subscriptions
  readonly #publishes: Publishes

  constructor(line: TopicLine) {
    this.#line = line
    this.#subscriptions = new Subscriptions(line)
    this.#publishes = new Publishes(line)
  }

  /** A topic with its params. */
  channel(entry: TopicEntry, params: unknown): AnyChannel {
    return channel(this.#line, this.#subscriptions, this.#publishes, entry, params)
  }

  /** After every WELCOME, once what was kept has been sent again; of a socket before it nothing is left. */
  attached(): void {
    this.detached()
    this.#publishes.attached()
    this.#subscriptions.attached()
  }

  /** The socket is gone. */
  detached(): void {
    this.#publishes.detached()
    this.#subscriptions.detached()
  }

  /** A frame came in that is neither the link's nor an exchange's. `size` is in bytes. */
  receive(frame: Frame, size: number): void {
    this.#subscriptions.receive(frame, size)
  }

  /** Bytes have left the socket. */
  room(): void {
    this.#publishes.room()
  }

  /** Closes every subscription, with `error` unless the application wanted it; new ones may follow. */
  close(error?: TautlineError): void {
    this.#publishes.detached()
    this.#subscriptions.close(error)
  }
}
