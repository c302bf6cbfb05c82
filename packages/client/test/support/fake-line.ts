import type { PublishOptions, TautlineError, TopicEntry } from '@tautline/core'
import { decodeValue, Encoded, type Frame, type Subscribe, type Unsubscribe } from '@tautline/core/wire'
import { VirtualClock } from '../../../testing/src/clock.ts'
import type { ClientInterceptor } from '../../src/interceptors.ts'
import type { ClientLimits } from '../../src/options.ts'
import type { TopicLine } from '../../src/topic-line.ts'
import { Topics } from '../../src/topics.ts'

/** What a client published, for the test to answer. */
export interface Published {
  readonly path: string
  readonly params: unknown
  readonly message: unknown
  readonly options: PublishOptions
  readonly resolve: (end: unknown) => void
  readonly reject: (error: unknown) => void
}

/** A connection of which the test is the other end: what topics send is written down, what they get the test says. */
export class FakeLine implements TopicLine {
  readonly clock = new VirtualClock()
  readonly topics: Topics
  readonly published: Published[] = []
  readonly errors: { readonly code: string; readonly entry: string | undefined; readonly cause: unknown }[] = []
  readonly limits: ClientLimits
  readonly interceptors: readonly ClientInterceptor[] = []
  opened = 0
  attached = false
  busy = false
  closed: TautlineError | undefined
  /** Told of each frame the moment it is sent. */
  onSend: (frame: Subscribe | Unsubscribe) => void = () => undefined
  #sent: (Subscribe | Unsubscribe)[] = []

  constructor(limits: Partial<ClientLimits> = {}) {
    this.limits = {
      messageBytes: 1e6,
      replayBytes: 1e6,
      outboxRequests: 10,
      outboxBytes: 1e6,
      window: 1e6,
      queueMessages: 10,
      queueBytes: 10_000,
      ...limits,
    }
    this.topics = new Topics(this)
  }

  get writable(): boolean {
    return this.attached && !this.busy
  }

  random = (): number => 0.5

  open(): void {
    if (this.closed) throw this.closed
    this.opened += 1
  }

  send(frame: Subscribe | Unsubscribe): void {
    if (!this.attached) throw new Error('sent without a socket')
    const plain = frame.map(field => (field instanceof Encoded ? decodeValue(field.bytes) : field))
    while (plain.at(-1) === undefined) plain.pop()
    this.#sent.push(plain as unknown as Subscribe)
    this.onSend(plain as unknown as Subscribe)
  }

  publish(entry: TopicEntry, params: unknown, message: unknown, options: PublishOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.published.push({ path: entry.path, params, message, options, resolve, reject })
    })
  }

  onError = (error: TautlineError, info?: { readonly entry?: string }): void => {
    this.errors.push({ code: error.code, entry: info?.entry, cause: error.cause })
  }

  attach(): void {
    this.attached = true
    this.topics.attached()
  }

  detach(): void {
    this.attached = false
    this.topics.detached()
  }

  /** The socket has room again. */
  room(): void {
    this.busy = false
    this.topics.room()
  }

  /** Frames that arrive, of 10 bytes each. */
  receive(...frames: readonly Frame[]): void {
    for (const frame of frames) this.topics.receive(frame, 10)
  }

  /** What was sent since this was last asked. */
  async sent(): Promise<readonly (Subscribe | Unsubscribe)[]> {
    await this.clock.settle()
    const sent = this.#sent
    this.#sent = []
    return sent
  }
}
