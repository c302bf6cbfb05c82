import { type Api, connect, safe, TautlineError } from '@tautline/client'
import { contract, procedure, stream, topic } from '@tautline/core'
import { type Broker, type Handlers, memory, type Server, serve } from '@tautline/server'
import { type Line, type Network, net } from '@tautline/testing'
import * as z from 'zod'
import { History } from './history.ts'

const Call = z.object({ call: z.string(), ms: z.number() })
const Room = z.object({ room: z.string() })
const Numbered = z.object({ producer: z.string(), seq: z.number() })

/** One of everything whose promise the checker knows. */
export const world = contract({
  once: procedure({ input: Call, output: z.string() }),
  again: procedure({ input: Call, output: z.string(), idempotent: true }),
  down: stream({
    input: Call.extend({ count: z.number() }),
    down: z.instanceof(Uint8Array),
    result: z.object({ count: z.number() }),
  }),
  up: stream({ input: Call, up: z.number(), result: z.object({ count: z.number() }) }),
  log: topic({ params: Room, message: Numbered, publish: Numbered, retain: { count: 40 } }),
  live: topic({ params: Room, message: Numbered, publish: Numbered }),
  newest: topic({ params: Room, message: Numbered, publish: Numbered, retain: { latestBy: m => m.producer } }),
})

type Client = {
  readonly name: string
  readonly line: Line
  readonly api: Api<typeof world>
  readonly connection: ReturnType<typeof connect>['connection']
  readonly seqs: Map<string, number>
  token: string
}

/** The longest that anything may take, once all lines are whole again, in ms of virtual time. */
const REST_MS = 180_000

/** Two servers' worth of scenario: clients on lines, everything they do recorded and judged. */
export class World {
  readonly network: Network
  readonly history = new History()
  readonly clients: Client[]
  readonly problems: string[] = []
  readonly #servers: Server[] = []
  readonly #going = new Set<Promise<unknown>>()
  readonly #newest = new Map<string, Map<string, number>>()
  readonly #acknowledged = new Map<string, { seq: number; epoch: number }>()
  #broker: Broker
  #epoch = 0
  #names = 0
  #expiresInMs: number | undefined

  private constructor(seed: number, clients: number) {
    this.network = net({ seed, latencyMs: 10, jitterMs: 20 })
    this.#broker = memory({ clock: this.network.clock })
    this.clients = Array.from({ length: clients }, (_, i) => this.#client(`client ${i}`))
  }

  static async start(seed: number, clients = 2): Promise<World> {
    const world = new World(seed, clients)
    await world.#serve()
    return world
  }

  /** A call whose handler takes `ms`. Nobody waits for it: the history does. */
  call(client: Client, kind: 'once' | 'again', ms: number, idempotencyKey?: string): void {
    const call = this.#name(kind)
    this.history.add({ kind: 'called', call, idempotent: kind === 'again' })
    this.#go(async () => {
      const result = await safe(client.api[kind]({ call, ms }, { idempotencyKey, timeout: 20_000 }))
      const mayHaveRun = result.ok ? undefined : (result.error as TautlineError).mayHaveRun
      this.history.add({ kind: 'settled', call, ok: result.ok, mayHaveRun })
      if (result.ok && result.value !== call) this.problems.push(`${call} was answered with ${result.value}`)
      if (!result.ok) this.#expect(result.error)
    })
  }

  down(client: Client, count: number, ms: number): void {
    const call = this.#name('down')
    this.history.add({ kind: 'called', call, idempotent: false })
    this.#go(async () => {
      const items = client.api.down({ call, count, ms })
      try {
        let index = 0
        for await (const item of items) {
          if (new DataView(item.buffer, item.byteOffset).getUint32(0) !== index)
            this.problems.push(`${call} item ${index}`)
          this.history.add({ kind: 'item', call, index: new DataView(item.buffer, item.byteOffset).getUint32(0) })
          index += 1
        }
        this.history.add({ kind: 'completed', call, count: (await items.result).count })
        this.history.add({ kind: 'settled', call, ok: true })
      } catch (error) {
        this.history.add({ kind: 'settled', call, ok: false, mayHaveRun: this.#expect(error).mayHaveRun })
      }
    })
  }

  up(client: Client, count: number, ms: number): void {
    const call = this.#name('up')
    this.history.add({ kind: 'called', call, idempotent: false })
    this.#go(async () => {
      const result = await safe(client.api.up({ call, ms }, { up: Array.from({ length: count }, (_, i) => i) }))
      this.history.add({
        kind: 'settled',
        call,
        ok: result.ok,
        mayHaveRun: result.ok ? undefined : (result.error as TautlineError).mayHaveRun,
      })
      if (result.ok && result.value.count !== count)
        this.problems.push(`${call} took ${result.value.count} of ${count}`)
      if (!result.ok) this.#expect(result.error)
    })
  }

  cancel(client: Client, ms: number): void {
    const abort = new AbortController()
    const call = this.#name('cancelled')
    this.history.add({ kind: 'called', call, idempotent: false })
    this.#go(async () => {
      const result = await safe(client.api.once({ call, ms: 5_000 }, { signal: abort.signal }))
      this.history.add({
        kind: 'settled',
        call,
        ok: result.ok,
        mayHaveRun: result.ok ? undefined : (result.error as TautlineError).mayHaveRun,
      })
    })
    this.network.clock.setTimeout(() => abort.abort(), ms)
  }

  publish(client: Client, topic: 'log' | 'live' | 'newest', room: string, times: number): void {
    const channel = `${topic} ${room}`
    for (let i = 0; i < times; i++) {
      const producer = `${client.name} in ${channel}`
      const seq = client.seqs.get(channel) ?? 0
      client.seqs.set(channel, seq + 1)
      const told = { producer, seq, channel }
      if (topic !== 'newest') this.history.add({ kind: 'published', ...told })
      this.#go(async () => {
        const result = await safe(client.api[topic]({ room }).publish({ producer, seq }))
        const unsure = !result.ok && (result.error as TautlineError).mayHaveRun !== false
        const outcome = result.ok ? 'acknowledged' : unsure ? 'unknown' : 'rejected'
        if (topic !== 'newest') this.history.add({ kind: 'publish settled', ...told, outcome })
        else if (result.ok) this.#acknowledged.set(producer, { seq, epoch: this.#epoch })
        if (!result.ok) this.#expect(result.error)
      })
    }
  }

  subscribe(client: Client, topic: 'log' | 'live' | 'newest', room: string): void {
    const subscriber = this.#name(topic)
    const newest = new Map<string, number>()
    let subscribed = false
    const early: (() => void)[] = []
    const tell = (happening: () => void) => void (subscribed ? happening() : early.push(happening))
    const subscription = client.api[topic]({ room }).subscribe(
      ({ producer, seq }) => {
        newest.set(producer, seq)
        if (topic !== 'newest') tell(() => this.history.add({ kind: 'delivered', subscriber, producer, seq }))
      },
      {
        onGap: () => tell(() => topic !== 'newest' && this.history.add({ kind: 'gap', subscriber })),
        onError: error => {
          this.#expect(error)
          if (topic !== 'newest') tell(() => this.history.add({ kind: 'unsubscribed', subscriber }))
          this.#newest.delete(subscriber)
        },
      },
    )
    this.#go(async () => {
      const ready = await safe(subscription.ready)
      if (!ready.ok) return
      if (topic !== 'newest') this.history.add({ kind: 'subscribed', subscriber, channel: `${topic} ${room}` })
      else this.#newest.set(subscriber, newest)
      subscribed = true
      for (const happening of early) happening()
    })
  }

  /** The session's end, not the line's: the client has to begin another one. */
  async forget(): Promise<void> {
    await Promise.all(this.clients.map(({ name }) => this.server.disconnect({ identity: name })))
  }

  /** The server dies and another one takes its place, with the same memory behind it or with none of it. */
  async restart(remember: boolean): Promise<void> {
    const dead = this.server
    for (const { line } of this.clients) {
      line.to(undefined)
      line.cut()
    }
    if (!remember) {
      this.#epoch += 1
      this.#broker = memory({ clock: this.network.clock })
    }
    this.#go(() => dead.close({ withinMs: 0 }))
    await this.#serve()
  }

  /** The server leaves in good order while the next one is already there. */
  async drain(): Promise<void> {
    const old = this.server
    await this.#serve()
    this.#go(() => old.close({ withinMs: 10_000 }))
  }

  /** From now on tokens last so long. */
  expire(ms: number): void {
    this.#expiresInMs = ms
  }

  get server(): Server {
    const server = this.#servers.at(-1)
    if (!server) throw new Error('no server runs')
    return server
  }

  /** Makes every line whole, and lets everything come to rest. */
  async rest(): Promise<void> {
    const { network } = this
    this.#expiresInMs = undefined
    for (const { line } of this.clients) {
      line.release()
      line.up.bytesPerSecond = Number.POSITIVE_INFINITY
      line.down.bytesPerSecond = Number.POSITIVE_INFINITY
    }
    const end = network.clock.now() + REST_MS
    while (this.#going.size > 0 && network.clock.now() < end) await network.advance(500)
    if (this.#going.size > 0) this.problems.push(`${this.#going.size} things never came to an end`)
    await network.advance(REST_MS / 2)
  }

  /** Rests, judges, closes everything, and looks whether anything is left. */
  async finish(): Promise<{ readonly [promise: string]: readonly string[] }> {
    await this.rest()
    for (const [subscriber, newest] of this.#newest) {
      for (const [producer, { seq, epoch }] of this.#acknowledged) {
        const same = producer.endsWith(`newest ${subscriber.split(' ')[2] ?? ''}`)
        if (epoch === this.#epoch && same && (newest.get(producer) ?? -1) < seq) {
          this.problems.push(`${subscriber} never reached ${producer} ${seq}`)
        }
      }
    }
    for (const { connection } of this.clients) connection.close()
    await this.network.until(Promise.all(this.#servers.map(server => server.close({ withinMs: 1_000 }))))
    await this.#broker.close()
    await this.network.advance(5_000)
    const left = this.network.clock.pending > 0 ? [`${this.network.clock.pending} timers`] : []
    return { ...this.history.verdict(), problems: this.problems, leftOver: left }
  }

  async #serve(): Promise<void> {
    const { network } = this
    const server = await serve(
      world,
      {
        clock: network.clock,
        broker: this.#broker,
        authenticate: ({ token }) => ({
          context: {},
          identity: token ?? '',
          ...(this.#expiresInMs !== undefined && { expiresAt: Date.now() + this.#expiresInMs }),
        }),
        onError: error => this.problems.push(`onError: ${error}`),
      },
      this.#handlers(),
    )
    this.#servers.push(server as Server)
    for (const { line } of this.clients) line.to(server)
  }

  #handlers(): Handlers<typeof world, object> {
    const { network, history, problems } = this
    const wait = (ms: number) => new Promise<void>(resolve => network.clock.setTimeout(resolve, ms))
    const run = async ({ call, ms }: { call: string; ms: number }) => {
      history.add({ kind: 'executed', call })
      if (ms > 0) await wait(ms)
      return call
    }
    return {
      once: run,
      again: run,
      async *down({ call, count, ms }) {
        history.add({ kind: 'executed', call })
        for (let i = 0; i < count; i++) {
          const item = new Uint8Array(1_000)
          new DataView(item.buffer).setUint32(0, i)
          yield item
          if (ms > 0) await wait(ms)
        }
        return { count }
      },
      async up({ call, ms }, { up }) {
        history.add({ kind: 'executed', call })
        let count = 0
        for await (const item of up) {
          if (item !== count) problems.push(`${call} took item ${item} after ${count}`)
          count += 1
          if (ms > 0 && count % 10 === 0) await wait(ms)
        }
        return { count }
      },
      log: { subscribe: () => undefined, publish: (_, message) => message },
      live: { subscribe: () => undefined, publish: (_, message) => message },
      newest: { subscribe: () => undefined, publish: (_, message) => message },
    }
  }

  #client(name: string): Client {
    const line = this.network.line()
    const { api, connection } = connect(world, { ...line.client, token: () => name })
    connection.on('error', error => this.#expect(error))
    return { name, line, api, connection, seqs: new Map(), token: name }
  }

  /** What may go wrong under faults, and nothing else. */
  #expect(error: unknown): TautlineError {
    const expected = ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'UNAUTHENTICATED', 'CANCELLED', 'RESOURCE_EXHAUSTED']
    const known = TautlineError.from(error)
    if (!expected.includes(known.code)) this.problems.push(`${known.code}: ${known.message}`)
    return known
  }

  #name(kind: string): string {
    this.#names += 1
    return `${kind} ${this.#names}`
  }

  #go(work: () => Promise<unknown>): void {
    const going = work()
      .catch(error => this.problems.push(`unexpected: ${error?.stack ?? error}`))
      .finally(() => this.#going.delete(going))
    this.#going.add(going)
  }
}
