import { type ConnectOptions, connect, safe, TautlineError } from '@tautline/client'
import { type Arena, type ArenaTopic, arena } from './arena.ts'
import type { Happening } from './history.ts'

/** What may go wrong under faults, and nothing else. */
const EXPECTED = ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'UNAUTHENTICATED', 'CANCELLED', 'RESOURCE_EXHAUSTED']

/** Hours of load need no more memory than minutes. */
const LATENCIES_KEPT = 10_000

/** Who hears what players do. */
export interface Stage {
  record(happening: Happening): void
  /** Something that no promise allows. */
  problem(what: string): void
  /** Somebody works; the stage waits for the end of it. */
  go(work: () => Promise<unknown>): void
}

/** What a subscriber to `newest` must reach in the end, and where it is. */
type Newest = { readonly channel: string; readonly reached: Map<string, number> }

/** A real client whose every deed is recorded, and never awaited: the history knows what became of it. */
export class Player {
  readonly name: string
  readonly api: ReturnType<typeof connect<Arena>>['api']
  readonly connection: ReturnType<typeof connect<Arena>>['connection']
  /** How long it was not online each time, in ms. */
  readonly absences: number[] = []
  /** How long calls took, in ms; the newest of them. */
  readonly latencies: number[] = []
  readonly newest: Newest[] = []
  /** The newest acknowledged message of each producer in each channel of `newest`. */
  readonly acknowledged = new Map<string, number>()
  /** Gaps that were told, by channel. */
  readonly gaps = new Map<string, number>()
  failures = 0
  deliveries = 0
  readonly #stage: Stage
  readonly #seqs = new Map<string, number>()
  #names = 0
  #wasOnline = false
  #leftAt: number | undefined

  constructor(name: string, stage: Stage, options: ConnectOptions) {
    this.name = name
    this.#stage = stage
    const { api, connection } = connect<Arena>(arena, { token: () => name, ...options })
    this.api = api
    this.connection = connection
    connection.on('error', error => this.#expect(error))
    connection.on('state', ({ status, reason }) => {
      if (status === 'online') this.#arrived()
      else if (this.#wasOnline) this.#leftAt ??= performance.now()
      if (status === 'closed' && reason !== 'closed by the application') {
        this.#stage.problem(`${name} was stopped: ${reason}`)
      }
    })
  }

  get online(): boolean {
    return this.connection.state.status === 'online'
  }

  /** A call whose handler takes `ms`. */
  call(kind: 'once' | 'again', ms = 0, idempotencyKey?: string): void {
    const began = performance.now()
    this.#act(kind, kind === 'again', async call => {
      const answer = await this.api[kind]({ call, ms }, { idempotencyKey, timeout: 30_000 })
      if (this.latencies.push(performance.now() - began) > LATENCIES_KEPT) this.latencies.splice(0, LATENCIES_KEPT / 2)
      if (answer !== call) this.#stage.problem(`${call} was answered with ${answer}`)
    })
  }

  /** A stream of so many items of so many bytes, and `ms` between two of them. */
  down(count: number, ms = 0, bytes = 200): void {
    this.#act('down', false, async call => {
      const items = this.api.down({ call, count, ms, bytes })
      for await (const { index, padding } of items) {
        this.#stage.record({ kind: 'item', call, index })
        if (padding.length !== bytes) this.#stage.problem(`${call} item ${index} has ${padding.length} bytes`)
      }
      this.#stage.record({ kind: 'completed', call, count: (await items.result).count })
    })
  }

  /** An upload of so many items. */
  up(count: number, ms = 0): void {
    this.#act('up', false, async call => {
      const result = await this.api.up({ call, ms }, { up: Array.from({ length: count }, (_, i) => i) })
      if (result.count !== count) this.#stage.problem(`${call} took ${result.count} of ${count}`)
    })
  }

  publish(topic: ArenaTopic, room: string, times = 1, padding?: Uint8Array<ArrayBuffer>): void {
    const channel = `${topic} ${room}`
    for (let i = 0; i < times; i++) {
      const producer = `${this.name} in ${channel}`
      const seq = this.#seqs.get(channel) ?? 0
      this.#seqs.set(channel, seq + 1)
      if (topic !== 'newest') this.#stage.record({ kind: 'published', producer, seq, channel })
      this.#stage.go(async () => {
        const result = await safe(this.api[topic]({ room }).publish({ producer, seq, padding }))
        const unsure = !result.ok && this.#expect(result.error).mayHaveRun !== false
        const outcome = result.ok ? 'acknowledged' : unsure ? 'unknown' : 'rejected'
        if (topic !== 'newest') this.#stage.record({ kind: 'publish settled', producer, seq, channel, outcome })
        else if (result.ok) this.acknowledged.set(producer, seq)
      })
    }
  }

  /** @returns resolves when whatever is published from now on concerns it. */
  subscribe(topic: ArenaTopic, room: string, rewind?: number): Promise<void> {
    const subscriber = this.#name(topic)
    const channel = `${topic} ${room}`
    const recorded = topic !== 'newest'
    const reached = new Map<string, number>()
    let early: (() => void)[] | undefined = []
    const tell = (happening: Happening) => {
      if (!recorded) return
      if (early) early.push(() => this.#stage.record(happening))
      else this.#stage.record(happening)
    }
    const subscription = this.api[topic]({ room }).subscribe(
      ({ producer, seq }) => {
        this.deliveries += 1
        reached.set(producer, seq)
        tell({ kind: 'delivered', subscriber, producer, seq })
      },
      {
        rewind,
        onGap: () => {
          this.gaps.set(channel, (this.gaps.get(channel) ?? 0) + 1)
          tell({ kind: 'gap', subscriber })
        },
        onError: error => {
          this.#expect(error)
          tell({ kind: 'unsubscribed', subscriber })
        },
      },
    )
    const ready = subscription.ready.then(() => {
      if (recorded) this.#stage.record({ kind: 'subscribed', subscriber, channel })
      else this.newest.push({ channel, reached })
      for (const happening of early ?? []) happening()
      early = undefined
    })
    this.#stage.go(() => ready)
    return ready
  }

  /** Messages that were published last, so that whoever lost the one before them is found out. */
  publishOnceMore(): void {
    for (const channel of [...this.#seqs.keys()]) {
      const [topic = '', room = ''] = channel.split(' ')
      this.publish(topic as ArenaTopic, room)
    }
  }

  #arrived(): void {
    if (this.#leftAt !== undefined) this.absences.push(performance.now() - this.#leftAt)
    this.#leftAt = undefined
    this.#wasOnline = true
  }

  #act(kind: string, idempotent: boolean, act: (call: string) => Promise<void>): void {
    const call = this.#name(kind)
    this.#stage.record({ kind: 'called', call, idempotent })
    this.#stage.go(async () => {
      const result = await safe(act(call))
      const mayHaveRun = result.ok ? undefined : this.#expect(result.error).mayHaveRun
      if (!result.ok) this.failures += 1
      this.#stage.record({ kind: 'settled', call, ok: result.ok, mayHaveRun })
    })
  }

  #expect(error: unknown): TautlineError {
    const known = TautlineError.from(error)
    if (!EXPECTED.includes(known.code)) this.#stage.problem(`${this.name}: ${known.code}: ${known.message}`)
    return known
  }

  #name(kind: string): string {
    this.#names += 1
    return `${this.name} ${kind} ${this.#names}`
  }
}
