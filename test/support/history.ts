/** What a scenario sees, told in the order in which it sees it. Nothing here knows how Tautline works. */
export type Happening =
  /** A producer numbers its messages in a channel 0, 1, 2 …, in the order in which it publishes them. */
  | { readonly kind: 'published'; readonly producer: string; readonly seq: number; readonly channel: string }
  | {
      readonly kind: 'publish settled'
      readonly producer: string
      readonly seq: number
      readonly channel: string
      /** `unknown`: rejected, but it may be in the log. */
      readonly outcome: 'acknowledged' | 'rejected' | 'unknown'
    }
  /** The subscription is ready: what is published from now on concerns it. */
  | { readonly kind: 'subscribed'; readonly subscriber: string; readonly channel: string }
  | Delivery
  | { readonly kind: 'gap'; readonly subscriber: string }
  | { readonly kind: 'unsubscribed'; readonly subscriber: string }
  /** `idempotent`: it may run again. */
  | { readonly kind: 'called'; readonly call: string; readonly idempotent: boolean }
  | { readonly kind: 'executed'; readonly call: string }
  | { readonly kind: 'settled'; readonly call: string; readonly ok: boolean; readonly mayHaveRun?: boolean | undefined }
  /** An item of a stream that a client got; a stream numbers its items 0, 1, 2 … */
  | { readonly kind: 'item'; readonly call: string; readonly index: number }
  /** A stream came to its result, which says how many items there were. */
  | { readonly kind: 'completed'; readonly call: string; readonly count: number }

type Delivery = {
  readonly kind: 'delivered'
  readonly subscriber: string
  readonly producer: string
  readonly seq: number
}

/** The promises of docs/guarantees.md, and what broke them. */
export interface Verdict {
  /** Acknowledged messages that a subscriber neither got nor was told to have missed; items missing from a stream. */
  readonly lost: readonly string[]
  readonly twice: readonly string[]
  readonly reordered: readonly string[]
  /** Calls that settled never, or more than once. */
  readonly unsettled: readonly string[]
  /** Calls that ran more often than they may, or against what their caller was told. */
  readonly executed: readonly string[]
}

type Producer = { next: number; readonly unacknowledged: Set<number> }
type Heard = { next: number; started: boolean; excused: boolean; readonly skipped: Set<number> }
type Subscriber = {
  readonly channel: string
  readonly heard: Map<string, Heard>
  closed: boolean
}
type Called = {
  readonly idempotent: boolean
  runs: number
  settled: number
  ok: boolean
  mayHaveRun: boolean | undefined
}

/** Numbers of one call that are kept once it has settled, so that a second settlement is seen. */
const SETTLED_KEPT = 20_000

/**
 * A recorder and a checker in one: it judges while it listens, so that hours of load need no more memory than minutes.
 * Only what is missing, or not over yet, is remembered.
 */
export class History {
  deliveries = 0
  calls = 0
  runs = 0
  readonly #channels = new Map<string, Map<string, Producer>>()
  readonly #subscribers = new Map<string, Subscriber>()
  readonly #calls = new Map<string, Called>()
  readonly #streams = new Map<string, number>()
  readonly #lost: string[] = []
  readonly #twice: string[] = []
  readonly #reordered: string[] = []
  readonly #unsettled: string[] = []
  readonly #executed: string[] = []

  add(one: Happening): void {
    switch (one.kind) {
      case 'published':
        return this.#published(one.channel, one.producer, one.seq)
      case 'publish settled':
        if (one.outcome === 'acknowledged') this.#producer(one.channel, one.producer).unacknowledged.delete(one.seq)
        return
      case 'subscribed':
        return this.#subscribed(one.subscriber, one.channel)
      case 'delivered':
        return this.#delivered(one)
      case 'gap':
        return this.#gap(this.#subscriber(one.subscriber))
      case 'unsubscribed':
        this.#subscriber(one.subscriber).closed = true
        return
      case 'called':
        this.calls += 1
        this.#calls.set(one.call, { idempotent: one.idempotent, runs: 0, settled: 0, ok: false, mayHaveRun: undefined })
        return
      case 'executed':
        return this.#ran(one.call)
      case 'settled':
        return this.#settled(one.call, one.ok, one.mayHaveRun)
      case 'item':
        return this.#item(one.call, one.index)
      case 'completed':
        if (this.#nextItem(one.call) !== one.count) {
          this.#lost.push(`${one.call} ended after ${this.#nextItem(one.call)} items of ${one.count}`)
        }
    }
  }

  /** To be asked when everything has come to rest: everybody is connected and has caught up. */
  verdict(): Verdict {
    const verdict = {
      lost: [...this.#lost],
      twice: [...this.#twice],
      reordered: [...this.#reordered],
      unsettled: [...this.#unsettled],
      executed: [...this.#executed],
    }
    for (const [name, subscriber] of this.#subscribers) {
      if (!subscriber.closed) verdict.lost.push(...this.#missing(name, subscriber))
    }
    for (const [call, { settled }] of this.#calls) {
      if (settled === 0) verdict.unsettled.push(`${call} never settled`)
    }
    return verdict
  }

  #published(channel: string, name: string, seq: number): void {
    const producer = this.#producer(channel, name)
    producer.next = seq + 1
    producer.unacknowledged.add(seq)
  }

  #subscribed(name: string, channel: string): void {
    const heard = new Map<string, Heard>()
    for (const [producer, { next }] of this.#channels.get(channel) ?? []) heard.set(producer, hearFrom(next))
    this.#subscribers.set(name, { channel, heard, closed: false })
  }

  /** Excuses what every producer has published so far, also one that was not heard yet. */
  #gap({ channel, heard }: Subscriber): void {
    for (const producer of this.#channels.get(channel)?.keys() ?? []) {
      const from = heard.get(producer) ?? hearFrom(0)
      from.excused = true
      heard.set(producer, from)
    }
  }

  #delivered({ subscriber: name, producer, seq }: Delivery): void {
    this.deliveries += 1
    const { heard } = this.#subscriber(name)
    const from = heard.get(producer) ?? hearFrom(0)
    heard.set(producer, from)
    // What was under way when the subscription became ready may come or not; after it, everything must.
    if (!from.started && seq < from.next) from.next = seq
    from.started = true
    if (seq < from.next) {
      const story = `${name} got ${producer} ${seq} after ${from.next - 1}`
      if (from.skipped.delete(seq)) this.#reordered.push(story)
      else this.#twice.push(story)
      return
    }
    for (let skipped = from.next; skipped < seq; skipped++) if (!from.excused) from.skipped.add(skipped)
    from.excused = false
    from.next = seq + 1
  }

  /** What was skipped, or never came, may have been refused; what was acknowledged may not. */
  #missing(name: string, { channel, heard }: Subscriber): string[] {
    const missing: string[] = []
    for (const [producer, { next, unacknowledged }] of this.#channels.get(channel) ?? []) {
      const from = heard.get(producer) ?? hearFrom(0)
      const never = from.excused ? [] : Array.from({ length: Math.max(0, next - from.next) }, (_, i) => from.next + i)
      for (const seq of [...from.skipped, ...never]) {
        if (!unacknowledged.has(seq)) missing.push(`${name} never got ${producer} ${seq}`)
      }
    }
    return missing
  }

  #ran(call: string): void {
    const called = this.#calls.get(call)
    if (!called) throw new Error(`${call} ran without having been called`)
    this.runs += 1
    called.runs += 1
    if (called.runs > 1 && !called.idempotent) this.#executed.push(`${call} ran ${called.runs} times`)
    if (called.mayHaveRun === false) this.#executed.push(`${call} ran, and its caller was told that it had not`)
  }

  #settled(call: string, ok: boolean, mayHaveRun: boolean | undefined): void {
    const called = this.#calls.get(call)
    if (!called) throw new Error(`${call} settled without having been called`)
    called.settled += 1
    called.ok = ok
    called.mayHaveRun = mayHaveRun
    if (called.settled > 1) this.#unsettled.push(`${call} settled ${called.settled} times`)
    if (ok && called.runs === 0) this.#executed.push(`${call} was answered and never ran`)
    if (mayHaveRun === false && called.runs > 0)
      this.#executed.push(`${call} ran, and its caller was told that it had not`)
    if (this.#calls.size > SETTLED_KEPT) this.#forgetOldestSettled()
  }

  #forgetOldestSettled(): void {
    for (const [call, { settled }] of this.#calls) {
      if (settled > 0) {
        this.#calls.delete(call)
        this.#streams.delete(call)
        return
      }
    }
  }

  #item(call: string, index: number): void {
    this.deliveries += 1
    const next = this.#nextItem(call)
    if (index > next) this.#lost.push(`${call} item ${next}`)
    if (index < next) this.#twice.push(`${call} item ${index}`)
    this.#streams.set(call, Math.max(next, index + 1))
  }

  #nextItem(call: string): number {
    return this.#streams.get(call) ?? 0
  }

  #producer(channel: string, name: string): Producer {
    const producers = this.#channels.get(channel) ?? new Map<string, Producer>()
    this.#channels.set(channel, producers)
    const producer = producers.get(name) ?? { next: 0, unacknowledged: new Set<number>() }
    producers.set(name, producer)
    return producer
  }

  #subscriber(name: string): Subscriber {
    const subscriber = this.#subscribers.get(name)
    if (!subscriber) throw new Error(`${name} heard something before it was subscribed`)
    return subscriber
  }
}

/** The story of one producer as one subscriber hears it, from its message `next` on. */
function hearFrom(next: number): Heard {
  return { next, started: false, excused: false, skipped: new Set() }
}
