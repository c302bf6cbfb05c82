import { type Client, connect, TautlineError } from '@tautline/client'
import { contract, type Publisher, topic } from '@tautline/core'
import type { Clock } from '@tautline/core/wire'
import { anyone, type Broker, type Server, serve } from '@tautline/server'
import { expect } from 'vitest'
import * as z from 'zod'
import { History } from './history.ts'

const Room = z.object({ room: z.string() })
const Numbered = z.object({ producer: z.string(), seq: z.number() })

/** Topics that show what a broker loses. */
export const rooms = contract({
  log: topic({ params: Room, message: Numbered, retain: { count: 2_000 } }),
  live: topic({ params: Room, message: Numbered }),
  newest: topic({ params: Room, message: Numbered, retain: { latestBy: ({ producer }) => producer } }),
  meeting: topic({ params: Room, message: z.string(), presence: z.object({ name: z.string() }) }),
})

type Rooms = typeof rooms
type Handlers = Parameters<typeof serve<Rooms, { name: string }>>[2]

const LOBBY = { room: 'lobby' }

/** Where clients dial: a server, or what stands in front of some. */
type Place = { readonly url: string | undefined }

interface ServerOptions {
  readonly clock?: Clock
  readonly brokerGraceMs?: number
}

/** Servers with a broker each, clients of them, and publishers; all they see is judged. */
export class House {
  readonly history = new History()
  readonly gaps: string[] = []
  readonly problems: string[] = []
  /** What `onError` of any server was told. */
  readonly troubles: unknown[] = []
  readonly outcomes = { acknowledged: 0, rejected: 0, unknown: 0 }
  /** To whom `live` is closed. */
  readonly closed = new Set<string>()
  readonly servers: Server<Rooms, { name: string }>[] = []
  readonly #brokers: Broker[] = []
  readonly #clients: Client<Rooms>[] = []
  readonly #refused = new Set<string>()
  readonly #publishing = new Set<Promise<void>>()
  #stopped = false

  /** A server on a broker, which is closed with the house. */
  async serve(broker: Broker, options: ServerOptions = {}): Promise<Server<Rooms, { name: string }>> {
    const server = await serve(
      rooms,
      {
        port: 0,
        host: '127.0.0.1',
        broker,
        authenticate: ({ token }) => ({ context: { name: String(token) }, identity: String(token) }),
        onError: error => this.troubles.push(error),
        ...options,
      },
      this.#handlers(),
    )
    this.servers.push(server)
    this.keep(broker)
    return server
  }

  #handlers(): Handlers {
    return {
      log: { subscribe: anyone },
      live: {
        subscribe: (_, { context, error }) => {
          if (this.closed.has(context.name)) throw error('PERMISSION_DENIED')
        },
      },
      newest: { subscribe: anyone },
      meeting: { subscribe: anyone, presence: (_, { context }) => context },
    }
  }

  /** Two servers, on a broker each, with a subscriber and a publisher. */
  async open(brokerOf: (name: string) => Broker | Promise<Broker>, options?: ServerOptions): Promise<void> {
    for (const name of ['a', 'b']) {
      const server = await this.serve(await brokerOf(name), options)
      await this.subscribe(server, `reader ${name}`)
      this.publish(server, `writer ${name}`, 5)
    }
  }

  /** Closes a broker with the house. */
  keep<B extends Broker>(broker: B): B {
    this.#brokers.push(broker)
    return broker
  }

  client(place: Place, name: string): Client<Rooms> {
    const client = connect<Rooms>(rooms, { url: place.url ?? '', token: () => name, random: () => 0.01 })
    this.#clients.push(client)
    return client
  }

  /** Subscribes somebody to the log. */
  async subscribe(place: Place, name: string): Promise<void> {
    const subscription = this.client(place, name)
      .api.log(LOBBY)
      .subscribe(
        ({ producer, seq }) => {
          if (this.#refused.has(`${producer} ${seq}`))
            this.problems.push(`${producer} ${seq} was refused and delivered`)
          this.history.add({ kind: 'delivered', subscriber: name, producer, seq })
        },
        {
          onGap: () => {
            this.gaps.push(name)
            this.history.add({ kind: 'gap', subscriber: name })
          },
          onError: error => this.problems.push(`${name}: ${error}`),
        },
      )
    await subscription.ready
    this.history.add({ kind: 'subscribed', subscriber: name, channel: 'lobby' })
  }

  /** Everybody at the meeting, as often as somebody who only watches it from a server is told. */
  watch(server: Server<Rooms, { name: string }>): readonly string[] {
    const lists: string[] = []
    this.client(server, 'watcher')
      .api.meeting(LOBBY)
      .presence.subscribe(
        members =>
          void lists.push(
            members
              .map(({ name }) => name)
              .sort()
              .join(),
          ),
      )
    return lists
  }

  /** Brings somebody to the meeting. */
  async attend(server: Server<Rooms, { name: string }>, name: string): Promise<Client<Rooms>> {
    const client = this.client(server, name)
    await client.api.meeting(LOBBY).subscribe(() => undefined).ready
    return client
  }

  /** Publishes one after the other until the house is told to stop, so many ms apart. */
  publish(publisher: Publisher, producer: string, everyMs: number): void {
    const run = async () => {
      for (let seq = 0; !this.#stopped; seq++) {
        await this.#publishOne(publisher, producer, seq)
        await pass(everyMs)
      }
    }
    const publishing = run().finally(() => this.#publishing.delete(publishing))
    this.#publishing.add(publishing)
  }

  /** Waits until everything goes well again: all of a number of further messages are acknowledged and delivered. */
  async goesOn(patienceMs = 5_000): Promise<number> {
    const began = performance.now()
    const [{ acknowledged }, { deliveries }] = [{ ...this.outcomes }, this.history]
    const well = () => this.outcomes.acknowledged > acknowledged + 2 && this.history.deliveries > deliveries + 2
    await until(well, 'further messages', patienceMs)
    return performance.now() - began
  }

  /** Nobody publishes any more, and everybody has everything: what went wrong? */
  async verdict(): Promise<object> {
    await this.stop()
    const nothing = { lost: [], twice: [], reordered: [], unsettled: [], executed: [] }
    await until(() => this.history.verdict().lost.length === 0, 'all messages', 12_000).catch(() => undefined)
    await pass(150)
    expect(this.problems).toEqual([])
    expect(this.history.deliveries).toBeGreaterThan(10)
    expect(this.history.verdict()).toEqual(nothing)
    return this.outcomes
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#publishing)
  }

  async end(): Promise<void> {
    await this.stop()
    for (const { connection } of this.#clients) connection.close()
    await Promise.all(this.servers.map(server => server.close({ withinMs: 0 })))
    await Promise.all(this.#brokers.map(broker => broker.close()))
  }

  async #publishOne(publisher: Publisher, producer: string, seq: number): Promise<void> {
    const about = { producer, seq, channel: 'lobby' }
    this.history.add({ kind: 'published', ...about })
    const outcome = await publisher.publish(rooms.log, LOBBY, { producer, seq }).then(
      () => 'acknowledged' as const,
      error => this.#outcomeOf(error),
    )
    if (outcome === 'rejected') this.#refused.add(`${producer} ${seq}`)
    this.outcomes[outcome] += 1
    this.history.add({ kind: 'publish settled', ...about, outcome })
  }

  #outcomeOf(error: unknown): 'rejected' | 'unknown' {
    if (!(error instanceof TautlineError) || error.code !== 'UNAVAILABLE') this.problems.push(`a publish: ${error}`)
    return error instanceof TautlineError && error.mayHaveRun === false ? 'rejected' : 'unknown'
  }
}

export function pass(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

/** Waits until `check` is true. */
export async function until(check: () => boolean, what: string, patienceMs = 5_000): Promise<void> {
  const end = performance.now() + patienceMs
  while (!check()) {
    if (performance.now() > end) throw new Error(`${what} did not come within ${patienceMs} ms`)
    await pass(5)
  }
}
