import { setTimeout as pass } from 'node:timers/promises'
import { type Broker, publisher } from '@tautline/server'
import { arena } from './arena.ts'
import type { Chaos } from './chaos.ts'
import { doAnything } from './deeds.ts'
import { brokerOn, Engine, type EngineName } from './engines.ts'
import type { Player } from './player.ts'
import { RealWorld, until, type Wrong } from './real-world.ts'
import type { ServerProcess } from './server-process.ts'
import { Speaker } from './speaker.ts'

/** Balancers: each is a way for its share of the clients, and may break alone. */
const BALANCERS = 4
/** So many clients come at a time. Of each room, so many say something now and then, and so many are at its meeting. */
const PORTION = 100
const TALKERS = 5
const MEMBERS = 5
/** Somebody begins something so often, in ms, unless so much is under way. */
const DEED_MS = 10
const MOST_UNDER_WAY = 100
/** So many are in the middle of a call when something goes wrong, which takes so many ms at most. */
const MIDWAY = 60
const MIDWAY_MS = 1_500
/** How often each server publishes, and the process that serves nobody, in ms. */
const SPEECH_MS = 200
/** For how long a server keeps a session whose client has come back elsewhere, in ms. */
const RESUME_MS = 3_000
/** How long all may take to be well again, on a machine that has other things to do, in ms. */
const PATIENCE_MS = 240_000
/** What all get before the next thing goes wrong. */
const DELIVERIES_BETWEEN = 5_000

/** What happens to servers that many clients are at. */
export const HARMS = ['kill', 'restart all', 'break a balancer'] as const
export type Harm = (typeof HARMS)[number]

export interface ClusterOptions {
  readonly engine: EngineName
  readonly servers: number
  readonly clients: number
  readonly rooms: number
  readonly seed: number
}

/**
 * Servers that share an engine, and clients that come to any of them by balancers that remember nobody. Clients, every
 * server, and a process that serves nobody publish; all of it is recorded and judged.
 */
export class Cluster {
  readonly world: RealWorld
  readonly harms = new Map<Harm, number>()
  readonly #options: ClusterOptions
  readonly #engine: Engine
  readonly #rooms: readonly string[]
  readonly #serving: ServerProcess[] = []
  readonly #lines: Chaos[] = []
  readonly #worker: { readonly broker: Broker; readonly speaker: Speaker }
  /** Who is at the meeting of each room, as one who is there was told last. */
  readonly #present = new Map<string, ReadonlySet<string>>()
  #talkers: Player[] = []
  #servers = 0
  #dials = 0

  private constructor(options: ClusterOptions, engine: Engine, broker: Broker) {
    this.#options = options
    this.#engine = engine
    this.world = new RealWorld(options.seed)
    this.#rooms = Array.from({ length: options.rooms }, (_, i) => `r${i}`)
    const speech = { name: 'worker', rooms: this.#rooms, everyMs: SPEECH_MS }
    const speaker = new Speaker(
      publisher(arena, broker),
      speech,
      happening => this.world.record(happening),
      what => this.world.problem(what),
    )
    this.#worker = { broker, speaker }
  }

  /** Resolves when all clients are subscribed. */
  static async open(options: ClusterOptions): Promise<Cluster> {
    const engine = await Engine.start(options.engine)
    const cluster = new Cluster(options, engine, await brokerOn(engine))
    try {
      await cluster.#begin()
    } catch (error) {
      await cluster.finish()
      throw error
    }
    return cluster
  }

  get clients(): readonly Player[] {
    return this.world.players
  }

  /** Gaps in what the engine remembers all the time: there is no excuse for any. */
  get gaps(): number {
    return this.clients.flatMap(({ gaps }) => [...gaps]).filter(([channel]) => channel.startsWith('log ')).length
  }

  /** One thing after the other goes wrong, each when all is well again, while somebody is always busy. */
  async endure(harms: Iterable<Harm>): Promise<void> {
    let isOver = false
    const played = this.#play(() => isOver)
    try {
      for (const harm of harms) await this.#harm(harm)
    } catch (error) {
      this.world.problem(String(error))
    } finally {
      isOver = true
      await played
    }
  }

  /** Comes to rest, judges, closes everything, and looks whether anything is left. */
  async finish(): Promise<Wrong> {
    const { broker, speaker } = this.#worker
    await Promise.all([speaker.hush(), ...this.#serving.map(server => server.hush())])
    await this.world.rest(PATIENCE_MS)
    await until(() => this.#missed().length === 0, 'everybody at their meetings', PATIENCE_MS).catch(() => {
      this.world.problem(`nobody sees ${this.#missed()}, who are there`)
    })
    const wrong = await this.world.finish()
    await broker.close()
    await this.#engine.end()
    const { gaps } = this
    return gaps === 0
      ? wrong
      : { ...wrong, lost: [...wrong.lost, `${gaps} clients were told of gaps that nothing made`] }
  }

  async #begin(): Promise<void> {
    const { world } = this
    const { servers, clients } = this.#options
    for (let i = 0; i < servers; i++) this.#serving.push(await this.#spawn())
    for (let i = 0; i < BALANCERS; i++) this.#lines.push(await world.line(this.#anyServer()))
    for (let i = 0; i < clients; i += PORTION) {
      const portion = Array.from({ length: Math.min(PORTION, clients - i) }, (_, j) => this.#enter(i + j))
      await Promise.all(portion)
    }
    this.#talkers = this.clients.slice(0, TALKERS * this.#rooms.length)
  }

  async #play(isOver: () => boolean): Promise<void> {
    for (let n = 0; !isOver(); n++) {
      await pass(DEED_MS)
      if (this.world.underWay < MOST_UNDER_WAY) this.#deed(n)
    }
  }

  async #harm(harm: Harm): Promise<void> {
    const { random } = this.world
    for (let i = 0; i < MIDWAY; i++) this.#anybody()?.call(i % 2 ? 'once' : 'again', MIDWAY_MS * random())
    await pass(MIDWAY_MS * random())
    if (harm === 'kill') await this.#kill(Math.floor(random() * this.#serving.length))
    else if (harm === 'restart all') for (const i of this.#serving.keys()) await this.#restart(i)
    else await this.#cut(Math.floor(random() * this.#lines.length))
    this.harms.set(harm, (this.harms.get(harm) ?? 0) + 1)
    await this.#allIsWell()
  }

  /** Each dial goes to the next server, whoever dials. */
  #anyServer() {
    const cluster = this
    return {
      get port() {
        cluster.#dials += 1
        return cluster.#serving[cluster.#dials % cluster.#serving.length]?.port
      },
    }
  }

  async #enter(i: number): Promise<void> {
    const line = this.#lines[i % BALANCERS]
    if (!line) throw new Error('no balancer')
    const player = this.world.player(`c${i}`, line, { random: this.world.random })
    const room = this.#roomOf(i)
    await player.subscribe('log', room)
    const more = (['live', 'short', 'newest'] as const)[i % 12]
    if (more) await player.subscribe(more, room)
    if (i < MEMBERS * this.#rooms.length) await this.#meet(player, room)
  }

  async #meet({ api }: Player, room: string): Promise<void> {
    const meeting = api.meeting({ room })
    if (!this.#present.has(room)) {
      this.#present.set(room, new Set())
      meeting.presence.subscribe(members => this.#present.set(room, new Set(members.map(({ name }) => name))))
    }
    // What is said there is remembered by nobody, so that each drop is a gap.
    await meeting.subscribe(() => undefined, { onGap: () => undefined }).ready
  }

  /** Members whom those who are at the same meeting were not told of. Who died with a server may be seen for a while. */
  #missed(): string[] {
    const members = this.clients.slice(0, MEMBERS * this.#rooms.length)
    return members.filter(({ name }, i) => !this.#present.get(this.#roomOf(i))?.has(name)).map(({ name }) => name)
  }

  #roomOf(i: number): string {
    return this.#rooms[i % this.#rooms.length] ?? ''
  }

  async #spawn(): Promise<ServerProcess> {
    const { name, port } = this.#engine
    const server = await this.world.spawn({ engine: { name, port }, limits: { resumeMs: RESUME_MS } })
    server.speak({ name: `server ${this.#servers++}`, rooms: this.#rooms, everyMs: SPEECH_MS })
    return server
  }

  /** The balancers find out by themselves, until another one has taken its place. */
  async #kill(i: number): Promise<void> {
    await this.#serving[i]?.kill()
    this.#serving[i] = await this.#spawn()
  }

  /** The next server is there before this one leaves. */
  async #restart(i: number): Promise<void> {
    const leaving = this.#serving[i]
    this.#serving[i] = await this.#spawn()
    for (const problem of (await leaving?.drain()) ?? []) this.world.problem(problem)
    await this.#allAreBack()
  }

  /** Whoever was on the line dials anew, and most come to another server than the one that has their session. */
  async #cut(i: number): Promise<void> {
    const theirs = this.clients.filter((_, client) => client % BALANCERS === i).map(({ absences }) => absences)
    const before = theirs.map(({ length }) => length)
    this.#lines[i]?.cut()
    await until(() => theirs.every(({ length }, j) => length > (before[j] ?? 0)), 'everybody noticed', PATIENCE_MS)
  }

  async #allAreBack(): Promise<void> {
    const areBack = () => this.clients.every(({ online }) => online)
    await until(areBack, 'all clients back', PATIENCE_MS).catch(error => {
      const away = this.clients.filter(({ online }) => !online).map(({ connection }) => connection.state)
      throw new Error(`${away.length} clients are away: ${JSON.stringify(away.slice(0, 5))}`, { cause: error })
    })
  }

  async #allIsWell(): Promise<void> {
    await this.#allAreBack()
    const { deliveries } = this.world.history
    const goesOn = () => this.world.history.deliveries > deliveries + DELIVERIES_BETWEEN
    await until(goesOn, 'further deliveries', PATIENCE_MS)
  }

  #anybody(): Player | undefined {
    return this.clients[Math.floor(this.world.random() * this.clients.length)]
  }

  #deed(n: number): void {
    const { random } = this.world
    const player = this.#anybody()
    const other = Math.floor(random() * this.#talkers.length)
    const talker = this.#talkers[other]
    if (player && talker) doAnything({ player, talker, room: this.#roomOf(other), n }, random)
  }
}
