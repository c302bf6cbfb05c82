import { describe, expect, it } from 'vitest'
import { NOTHING_WRONG, RealWorld, until } from './support/real-world.ts'
import { SEEDS } from './support/seeds.ts'

describe.concurrent.each(SEEDS)('a line, seed %i,', seed => {
  it.each(['reset', 'fin'] as const)(
    'that is cut with %s again and again changes nothing',
    { timeout: 60_000 },
    async how => {
      const world = new RealWorld(seed)
      const server = await world.serve()
      const bad = await world.line(server, { latencyMs: 1, jitterMs: 3 })
      const good = await world.line(server)
      const [ada, bob] = [world.player('ada', bad), world.player('bob', good)]
      await Promise.all([ada.subscribe('log', 'a'), ada.subscribe('newest', 'a'), bob.subscribe('log', 'a')])
      for (let round = 0; round < 10; round++) {
        for (const player of [ada, bob]) {
          player.call('once', 30 * world.random())
          player.call('again', 30 * world.random())
          player.publish('log', 'a', 10)
          player.publish('newest', 'a', 10)
          player.down(100)
          player.up(200)
        }
        const { length } = ada.absences
        const way = world.random() < 0.5 ? 'up' : 'down'
        if (round % 2 > 0) bad.cutNextAfter(way, Math.floor(world.random() * 1_500))
        if (how === 'reset') bad.cutAfter(way, Math.floor(world.random() * 6_000))
        else bad.cut('fin')
        await until(() => ada.absences.length > length || world.idle, 'a reconnect, or the end')
      }
      await world.rest()
      expect(ada.failures + bob.failures).toBe(0)
      expect(ada.absences.length).toBeGreaterThan(4)
      expect(Math.max(...ada.absences)).toBeLessThan(3_000)
      expect(good.dials).toBe(1)
      expect(await world.finish()).toEqual(NOTHING_WRONG)
    },
  )
})
