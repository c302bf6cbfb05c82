import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pass } from 'node:timers/promises'
import type { ConnectOptions } from '@tautline/client'
import { type ServeOptions, type Server, type Stats, serve } from '@tautline/server'
import { randomFrom } from '@tautline/testing'
import { type Arena, arena, arenaHandlers } from './arena.ts'
import { Chaos, type Conditions } from './chaos.ts'
import { ClientProcess } from './client-process.ts'
import { type Happening, History } from './history.ts'
import { Ledger } from './ledger.ts'
import { Player, type Stage } from './player.ts'
import { ServerProcess, type ServerProcessOptions } from './server-process.ts'

/** How long what must come may take on a machine that has other things to do, in ms. */
const PATIENCE_MS = 25_000
/** How long it may take until whoever was left is forgotten, in ms. */
const FORGOTTEN_MS = 12_000

/** What may follow from what another process has written, and not been heard of yet. */
const EFFECTS: ReadonlySet<Happening['kind']> = new Set(['settled', 'executed', 'subscribed'])

/** What was wrong in the end, by the promise that it breaks. */
export type Wrong = Readonly<
  Record<'lost' | 'twice' | 'reordered' | 'unsettled' | 'executed' | 'problems' | 'leftOver', readonly string[]>
>

/** Nothing was. */
export const NOTHING_WRONG: Wrong = {
  lost: [],
  twice: [],
  reordered: [],
  unsettled: [],
  executed: [],
  problems: [],
  leftOver: [],
}

/** Waits until it is true. */
export async function until(check: () => boolean, what: string, ms = PATIENCE_MS): Promise<void> {
  const end = performance.now() + ms
  for (;;) {
    const began = performance.now()
    if (check()) return
    if (performance.now() >= end) throw new Error(`in ${ms} ms it never came: ${what}`)
    // What takes long to look at is looked at less often.
    await pass(Math.max(5, performance.now() - began))
  }
}

/** Real servers, real clients and the lines between them; everything that happens is recorded and judged. */
export class RealWorld implements Stage {
  readonly history = new History()
  readonly random: () => number
  readonly problems: string[] = []
  readonly players: Player[] = []
  readonly #seed: number
  readonly #delay = monitorEventLoopDelay()
  readonly #ledger = new Ledger()
  readonly #servers: Server[] = []
  readonly #processes: ServerProcess[] = []
  readonly #clients: ClientProcess[] = []
  readonly #lines: Chaos[] = []
  readonly #going = new Set<Promise<unknown>>()

  constructor(seed: number) {
    this.#seed = seed
    this.#delay.enable()
    this.random = randomFrom(seed)
  }

  /** A server in this process. */
  async serve(options: Partial<ServeOptions<undefined>> = {}): Promise<Server<Arena, undefined>> {
    const server = await serve(
      arena,
      {
        port: 0,
        host: '127.0.0.1',
        authenticate: ({ token }) => ({ context: undefined, identity: token }),
        onError: error => this.problem(`onError: ${error}`),
        ...options,
      },
      arenaHandlers(happening => this.record(happening)),
    )
    this.#servers.push(server as Server)
    return server
  }

  /** A server in a process of its own. */
  async spawn(options: Omit<ServerProcessOptions, 'ledger'> = {}): Promise<ServerProcess> {
    const server = await ServerProcess.start({ ...options, ledger: this.#ledger.path })
    this.#processes.push(server)
    return server
  }

  /** A line to a server. */
  async line(to: { readonly port: number | undefined }, conditions: Partial<Conditions> = {}): Promise<Chaos> {
    const line = await Chaos.open(() => to.port ?? 0, this.#seed + this.#lines.length, conditions)
    this.#lines.push(line)
    return line
  }

  /** A client on a line of its own or another's. It comes back soon, unless it is told to keep to the usual pauses. */
  player(name: string, { url }: Chaos, options: Partial<ConnectOptions> = {}): Player {
    const player = new Player(name, this, { url, random: () => this.random() * 0.05, ...options })
    this.players.push(player)
    return player
  }

  /** A client in a process of its own. */
  async join(name: string, { url }: Chaos): Promise<ClientProcess> {
    const client = await ClientProcess.start({ name, url, ledger: this.#ledger.path })
    this.#clients.push(client)
    return client
  }

  record(happening: Happening): void {
    // Whoever runs was called, whoever is answered has run, and whoever subscribes is owed nothing that was said before:
    // what other processes wrote comes first.
    if (EFFECTS.has(happening.kind)) this.#catchUp()
    this.history.add(happening)
  }

  problem(what: string): void {
    this.problems.push(what)
  }

  go(work: () => Promise<unknown>): void {
    const going = work()
      .catch(error => this.problem(`unexpected: ${error?.stack ?? error}`))
      .finally(() => this.#going.delete(going))
    this.#going.add(going)
  }

  /** For how long this process was kept from working at most, in ms: nobody can be blamed for that. */
  get stalledMs(): number {
    return this.#delay.max / 1e6
  }

  /** How much of what players began is not over. */
  get underWay(): number {
    return this.#going.size
  }

  get idle(): boolean {
    return this.underWay === 0
  }

  /** All lines are whole: lets everything come to rest. What does not come, the verdict tells. */
  async rest(ms = PATIENCE_MS): Promise<void> {
    await this.#hopefully(() => this.idle, ms)
    for (const player of this.players) player.publishOnceMore()
    await this.#hopefully(() => this.idle && Object.values(this.verdict()).every(({ length }) => length === 0), ms)
  }

  /** Of what has happened so far. */
  verdict() {
    this.#catchUp()
    const verdict = this.history.verdict()
    const problems = [...this.problems, ...this.#processes.flatMap(({ problems }) => problems)]
    return { ...verdict, lost: [...verdict.lost, ...this.#unreached()], problems }
  }

  /** Comes to rest, judges, closes everything, and looks whether anything is left. */
  async finish(): Promise<Wrong> {
    await this.rest()
    const verdict = this.verdict()
    const leftOver = this.idle ? [] : [`${this.underWay} things that never ended`]
    for (const { connection } of this.players) connection.close()
    leftOver.push(...(await Promise.all(this.#clients.map(client => client.leave()))).flat())
    leftOver.push(
      ...(await Promise.all([...this.#servers.map(closeServer), ...this.#running.map(closeProcess)])).flat(),
    )
    for (const line of this.#lines) {
      line.release()
      await this.#hopefully(() => line.connections === 0, FORGOTTEN_MS)
      if (line.connections > 0) leftOver.push(`${line.connections} connections`)
      await line.close()
    }
    const { problems } = this.verdict()
    this.#delay.disable()
    this.#ledger.close()
    return { ...verdict, problems, leftOver }
  }

  get #running(): ServerProcess[] {
    return this.#processes.filter(({ running }) => running)
  }

  #catchUp(): void {
    for (const happening of this.#ledger.read()) this.history.add(happening)
  }

  async #hopefully(check: () => boolean, ms: number): Promise<void> {
    await until(check, '', ms).catch(() => undefined)
  }

  #unreached(): string[] {
    const acknowledged = this.players.flatMap(player => [...player.acknowledged])
    const unreached: string[] = []
    for (const { name, newest } of this.players) {
      for (const { channel, reached } of newest) {
        for (const [producer, seq] of acknowledged) {
          const concerned = producer.endsWith(`in ${channel}`)
          if (concerned && (reached.get(producer) ?? -1) < seq)
            unreached.push(`${name} never reached ${producer} ${seq}`)
        }
      }
    }
    return unreached
  }
}

async function closeServer(server: Server): Promise<string[]> {
  const left = () => leftIn(server.stats())
  await until(() => left().length === 0, '', FORGOTTEN_MS).catch(() => undefined)
  const found = left()
  await server.close({ withinMs: 1_000 })
  return found
}

async function closeProcess(server: ServerProcess): Promise<string[]> {
  const end = performance.now() + FORGOTTEN_MS
  let left = leftIn((await server.stats()).stats)
  while (left.length > 0 && performance.now() < end) {
    await pass(50)
    left = leftIn((await server.stats()).stats)
  }
  return [...left, ...(await server.drain())]
}

/** What a server whose clients have all said goodbye should not have. */
export function leftIn({ sessions, inFlight, subscriptions, queues }: Stats): string[] {
  const counts = { ...sessions, inFlight, subscriptions, ...queues }
  return Object.entries(counts).flatMap(([what, count]) => (count > 0 ? [`${count} ${what}`] : []))
}
