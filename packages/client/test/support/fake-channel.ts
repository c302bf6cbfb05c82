import { type Frame, FrameType, type Subscribe, type Unsubscribe } from '@tautline/core/wire'
import type { FakeLine } from './fake-line.ts'

const { GAP, MESSAGE, RETRACT, SUBSCRIBED, SUBSCRIBE, UNSUBSCRIBE } = FrameType
/** Messages of a log, and retractions of a `latest`, that are kept. */
const KEPT = 8
const RETRACTIONS = 2

/** A message or a retraction: `text` says its epoch, number and key. */
type Change = { readonly offset: number; readonly key: string | undefined; readonly text: string | undefined }

/**
 * The server's end of one channel, as protocol.md wants it, over a line that the test cuts: what it has to say waits
 * until it is delivered.
 */
export class FakeChannel {
  readonly kind: 'log' | 'latest' | 'none'
  readonly #line: FakeLine
  readonly #ids = new Set<number>()
  #outbox: Frame[] = []
  #changes: Change[] = []
  #epochs = 0
  /** Who has everything up to here has missed nothing. */
  #floor = 0
  /** What was said on this socket; `undefined` when nobody there is subscribed. */
  #cursor: number | undefined
  #refusals = 0
  #published = 0
  head = 0

  constructor(line: FakeLine, kind: FakeChannel['kind']) {
    this.#line = line
    this.kind = kind
    line.onSend = frame => this.#receive(frame)
  }

  get epoch(): string | null {
    return this.kind === 'none' ? null : `epoch${this.#epochs}`
  }

  /** What a subscriber of a `latest` must have in the end, by key. */
  get newest(): ReadonlyMap<string, string> {
    return new Map(this.#changes.flatMap(({ key, text }) => (key && text ? [[key, text]] : [])))
  }

  /** Frames that wait to be delivered. */
  get waiting(): number {
    return this.#outbox.length
  }

  publish(key: string): void {
    this.#add(key, true)
    this.#say()
  }

  retract(key: string): void {
    if (this.kind !== 'latest' || !this.newest.has(key)) return
    this.#add(key, false)
    this.#say()
  }

  /** A message of a log is not said, by mistake: a hole. */
  lose(key: string): void {
    if (this.kind !== 'log') return this.publish(key)
    this.#add(key, true)
    if (this.#cursor !== undefined) this.#cursor = this.head
  }

  /** What happened could not be said and is not retained, a retraction too: the subscriber was too slow. */
  fall(key: string): void {
    this.#add(key, this.kind !== 'latest')
    this.#add('f', true)
    if (this.kind !== 'none') this.#floor = this.kind === 'log' ? this.head : this.head - 1
    this.#changes = this.#changes.filter(({ text }) => this.kind === 'latest' && text !== undefined)
    this.#sayGap()
  }

  /** The memory is gone. */
  wipe(): void {
    if (this.kind === 'none') return
    this.#epochs += 1
    this.#changes = []
    this.#floor = this.head = 0
    this.#sayGap()
  }

  /** All that is retained is said again: another subscription of this socket has asked for it. */
  repeat(): void {
    if (this.#cursor === undefined || this.kind === 'none') return
    this.#cursor = Math.min(this.#cursor, this.#floor)
    this.#say()
  }

  /** The next SUBSCRIBE is refused for want of a server. */
  refuse(): void {
    this.#refusals = 1
  }

  deliver(frames: number): void {
    for (const frame of this.#outbox.splice(0, frames)) this.#line.receive(frame)
  }

  drop(): void {
    if (!this.#line.attached) return
    this.#outbox = []
    this.#ids.clear()
    this.#cursor = undefined
    this.#line.detach()
  }

  attach(): void {
    if (!this.#line.attached) this.#line.attach()
  }

  #add(key: string, isMessage: boolean): void {
    this.#published += 1
    if (this.kind !== 'none') this.head += 1
    const offset = this.kind === 'none' ? this.#published : this.head
    const text = isMessage ? `${this.epoch}/${offset}/${key}` : undefined
    if (this.kind === 'latest') this.#changes = this.#changes.filter(change => change.key !== key)
    this.#changes.push({ offset, key: this.kind === 'latest' ? key : undefined, text })
    if (this.kind === 'latest') this.#forgetRetractions()
    else if (this.#changes.length > KEPT) this.#floor = this.#changes.shift()?.offset ?? 0
  }

  #forgetRetractions(): void {
    const retractions = this.#changes.filter(({ text, offset }) => text === undefined && offset < this.head)
    const [oldest] = retractions
    if (retractions.length <= RETRACTIONS || !oldest) return
    this.#changes = this.#changes.filter(change => change !== oldest)
    this.#floor = oldest.offset
  }

  #say(): void {
    const cursor = this.#cursor
    if (this.kind === 'none') {
      const text = this.#changes.at(-1)?.text
      if (cursor !== undefined) this.#outbox.push([MESSAGE, 'c', 0, text])
    } else if (cursor !== undefined) {
      for (const { offset, key, text } of this.#changes.filter(change => change.offset > cursor)) {
        this.#outbox.push(text === undefined ? [RETRACT, 'c', offset, key ?? ''] : [MESSAGE, 'c', offset, text, key])
      }
      this.#cursor = this.head
    }
  }

  #sayGap(): void {
    if (this.#cursor === undefined) return
    this.#cursor = this.kind === 'log' ? this.#floor : 0
    this.#outbox.push([GAP, 'c', this.epoch, this.#cursor])
    if (this.kind !== 'none') this.#say()
  }

  #receive(frame: Subscribe | Unsubscribe): void {
    if (frame[0] === UNSUBSCRIBE) {
      this.#ids.delete(frame[1])
      if (this.#ids.size === 0) this.#cursor = undefined
    } else if (frame[0] === SUBSCRIBE) this.#subscribe(frame)
  }

  #subscribe([, id, , , fields]: Subscribe): void {
    if (this.#refusals-- > 0) {
      this.#outbox.push([SUBSCRIBED, id, { error: { code: 'UNAVAILABLE', message: 'not now' } }])
      return
    }
    const { epoch, head } = this
    this.#ids.add(id)
    const since = fields?.since
    const gap =
      since !== undefined &&
      (since[0] !== epoch || Math.max(since[1], fields?.base ?? 0) < this.#floor || since[1] > head)
    const beginning = this.kind === 'latest' ? 0 : this.#floor
    const offset = gap || (!since && this.kind === 'latest') ? beginning : (since?.[1] ?? this.#rewound(fields?.rewind))
    this.#outbox.push([SUBSCRIBED, id, { channel: 'c', epoch, offset, head, gap }])
    this.#cursor = Math.min(this.#cursor ?? offset, offset)
    if (this.kind !== 'none') this.#say()
  }

  #rewound(messages = 0): number {
    return this.kind === 'none' ? 0 : Math.max(this.#floor, this.head - messages)
  }
}
