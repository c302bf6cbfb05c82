import { setTimeout as pass } from 'node:timers/promises'
import { type Broker, memory } from '@tautline/server'
import type { Chaos } from '../../test/support/chaos.ts'
import type { Player } from '../../test/support/player.ts'
import type { RealWorld } from '../../test/support/real-world.ts'
import type { ServerProcess } from '../../test/support/server-process.ts'

/** A client begins something so often, on average, in ms. */
const DEED_MS = 80
/** With more than so much under way nobody begins anything: a soak is no flood. */
const MOST_UNDER_WAY = 400

/** Clients of one server, which may be replaced by another one, each on a line of its own. */
export class Camp {
  server: ServerProcess
  readonly lines: Chaos[] = []
  readonly players: Player[] = []
  readonly #world: RealWorld
  readonly #room: string
  #broker: Broker

  private constructor(world: RealWorld, room: string, server: ServerProcess, broker: Broker) {
    this.#world = world
    this.#room = room
    this.server = server
    this.#broker = broker
  }

  static async open(world: RealWorld, room: string, clients: number): Promise<Camp> {
    const broker = memory()
    const camp = new Camp(world, room, await world.spawn({ broker }), broker)
    const server = {
      get port() {
        return camp.server.port
      },
    }
    for (let i = 0; i < clients; i++) {
      const line = await world.line(server, { latencyMs: 1, jitterMs: 4 })
      const player = world.player(`${room}${i}`, line)
      camp.lines.push(line)
      camp.players.push(player)
      for (const topic of ['log', 'short', 'live', 'newest'] as const) await player.subscribe(topic, room)
    }
    return camp
  }

  /** Everybody is busy until it is over. */
  async play(isOver: () => boolean): Promise<void> {
    const { random } = this.#world
    await Promise.all(
      this.players.map(async player => {
        for (let n = 0; !isOver(); n++) {
          await pass(2 * DEED_MS * random())
          if (this.#world.underWay < MOST_UNDER_WAY) this.#deed(player, n)
        }
      }),
    )
  }

  /** The server dies in the middle of whatever it does; what it had published is forgotten. */
  async kill(): Promise<void> {
    await this.server.kill()
    await this.#broker.close()
    this.#broker = memory()
    this.server = await this.#world.spawn({ broker: this.#broker })
  }

  /** The next server is there before this one leaves. */
  async drain(): Promise<void> {
    const leaving = this.server
    this.server = await this.#world.spawn({ broker: this.#broker })
    for (const problem of await leaving.drain()) this.#world.problem(problem)
  }

  async close(): Promise<void> {
    await this.#broker.close()
  }

  #deed(player: Player, n: number): void {
    const { random } = this.#world
    const deeds = [
      () => player.call('once', 200 * random()),
      () => player.call('once', 200 * random(), `${player.name} ${n}`),
      () => player.call('again', 200 * random()),
      () => player.down(Math.floor(200 * random()), 4 * random()),
      () => player.up(Math.floor(300 * random()), 4 * random()),
      () => player.publish('log', this.#room, 1 + Math.floor(8 * random())),
      () => player.publish('short', this.#room, 1 + Math.floor(4 * random())),
      () => player.publish('live', this.#room, 1 + Math.floor(4 * random())),
      () => player.publish('newest', this.#room, 1 + Math.floor(4 * random())),
    ]
    deeds[Math.floor(random() * deeds.length)]?.()
  }
}
