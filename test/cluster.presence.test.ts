import { setTimeout as pass } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Engine, engineAsked } from './support/engines.ts'
import type { Player } from './support/player.ts'
import { NOTHING_WRONG, RealWorld, until } from './support/real-world.ts'
import { requireTool } from './support/requires.ts'
import type { ServerProcess } from './support/server-process.ts'

const name = engineAsked()

/** A lease lasts 30 s, and is looked at every second; the rest is for machines that have other things to do. */
const LEASE_MS = 30_000
const SLOWLY_MS = 20_000
const AWAY_MS = 2_500

requireTool(name).describe(`presence on servers that share ${name}`, () => {
  let engine: Engine

  beforeAll(async () => {
    engine = await Engine.start(name)
  }, 60_000)
  afterAll(() => engine.end())

  // Most of it is waiting.
  describe.concurrent('', () => {
    test('knows on each who is on any, who comes and who leaves', { timeout: 120_000 }, async () => {
      const world = new RealWorld(1)
      const [a, b] = await places(world, 2)
      const watcher = watch(world.player('watcher', a.line), 'comings')
      const [ada, bob] = [world.player('ada', a.line), world.player('bob', b.line)]
      await Promise.all([join(ada, 'comings'), join(bob, 'comings')])
      await until(() => watcher.now() === 'ada,bob', 'both')
      // Of two who come at once, either may be the first.
      const seen = watcher.lists.length
      bob.connection.close()
      await until(() => watcher.now() === 'ada', 'one who left')
      expect(watcher.lists.slice(seen)).not.toContain('bob')
      expect(await world.finish()).toEqual(NOTHING_WRONG)
    })

    test('makes nobody leave on the others whose line drops and is resumed', { timeout: 120_000 }, async () => {
      const world = new RealWorld(2)
      const [a, b] = await places(world, 2)
      const ada = world.player('ada', a.line)
      await join(ada, 'drops')
      const watcher = watch(world.player('watcher', b.line), 'drops')
      await until(() => watcher.now() === 'ada', 'somebody')
      const seen = watcher.lists.length
      a.line.refuse = true
      a.line.cut()
      // Changes are told once a second: whoever left would be missed by now.
      await pass(AWAY_MS)
      a.line.refuse = false
      await until(() => ada.absences.length === 1, 'a return')
      // Whatever was told of the drops was told before this.
      await join(world.player('bob', a.line), 'drops')
      await until(() => watcher.now() === 'ada,bob', 'the next one')
      expect(new Set(watcher.lists.slice(seen))).toEqual(new Set(['ada,bob']))
      expect(watcher.ids('ada').size).toBe(1)
      expect(await world.finish()).toEqual(NOTHING_WRONG)
    })

    test('has everybody once after a move to another server, and the others all the time', {
      timeout: 120_000,
    }, async () => {
      const world = new RealWorld(3)
      const [a, b] = await places(world, 2)
      const watcher = watch(world.player('watcher', b.line), 'moves')
      await Promise.all([join(world.player('ada', a.line), 'moves'), join(world.player('bob', b.line), 'moves')])
      await until(() => watcher.now() === 'ada,bob', 'both')
      const seen = watcher.lists.length
      a.line.to(() => b.server.port)
      expect(await a.server.drain()).toEqual([])
      await until(() => watcher.ids('ada').size === 2 && watcher.now() === 'ada,bob', 'a move')
      expect(watcher.lists.slice(seen).filter(list => !list.includes('bob'))).toEqual([])
      expect(await world.finish()).toEqual(NOTHING_WRONG)
    })

    test('takes those out whose server was killed, within the lease', { timeout: 180_000 }, async () => {
      const world = new RealWorld(4)
      const [a, b] = await places(world, 2)
      const watcher = watch(world.player('watcher', b.line), 'deaths')
      await Promise.all([join(world.player('ada', a.line), 'deaths'), join(world.player('bob', b.line), 'deaths')])
      await until(() => watcher.now() === 'ada,bob', 'both')
      a.line.refuse = true
      await a.server.kill()
      await until(() => watcher.now() === 'bob', 'the end of a lease', LEASE_MS + SLOWLY_MS)
      a.line.refuse = false
      a.line.to(() => b.server.port)
      await until(() => watcher.now() === 'ada,bob', 'a return')
      expect(await world.finish()).toEqual(NOTHING_WRONG)
    })
  })

  async function places(world: RealWorld, count: 2) {
    const place = async () => {
      const server: ServerProcess = await world.spawn({ engine })
      return { server, line: await world.line(server) }
    }
    const [a, b] = await Promise.all(Array.from({ length: count }, place))
    if (!a || !b) throw new Error('two servers')
    return [a, b] as const
  }
})

async function join({ api }: Player, room: string): Promise<void> {
  // What is said there is remembered by nobody, so that each drop is a gap.
  await api.meeting({ room }).subscribe(() => undefined, { onGap: () => undefined }).ready
}

/** What somebody is told of who is there, from one list to the next. */
function watch({ api }: Player, room: string) {
  const lists: string[] = []
  const idsByName = new Map<string, Set<string>>()
  api.meeting({ room }).presence.subscribe(members => {
    const list = members.map(({ name }) => name).sort()
    lists.push(list.join())
    for (const { id, name } of members) idsByName.set(name, (idsByName.get(name) ?? new Set()).add(id))
  })
  return {
    lists,
    now: () => lists.at(-1),
    /** The sessions that had this name. */
    ids: (name: string) => idsByName.get(name) ?? new Set<string>(),
  }
}
