import type { Counts } from '@tautline/server'
import type { Commands } from './commands.ts'
import { failed } from './failures.ts'
import { countKeyOf } from './keys.ts'
import { replyOf } from './replies.ts'
import { count } from './scripts.ts'

/** What all servers of an engine count with, for one limit. */
export function countsOn(commands: Commands, prefix: string, limit: string): Counts {
  return {
    async add(name, points, seconds) {
      const args = [points, Math.ceil(seconds * 1_000)]
      const reply = replyOf(await commands.run(count, [countKeyOf(prefix, limit, name)], () => args))
      return { points: pointsOf(reply.text(0)), leftMs: reply.number(1) }
    },
  }
}

/** Points need not be whole. */
function pointsOf(text: string): number {
  const points = Number(text)
  if (Number.isNaN(points)) throw failed(new TypeError('Redis answered with no number of points'))
  return points
}
