import type { Player } from './player.ts'

/** Who does something, who publishes instead, where, and for the how-manieth time. */
export interface Occasion {
  readonly player: Player
  readonly talker: Player
  readonly room: string
  readonly n: number
}

/** One of the things that clients do, short enough that many of them fit. */
export function doAnything({ player, talker, room, n }: Occasion, random: () => number): void {
  const deeds = [
    () => player.call('once', 200 * random()),
    () => player.call('once', 200 * random(), `${player.name} ${n}`),
    () => player.call('again', 200 * random()),
    () => player.down(Math.floor(30 * random()), 4 * random()),
    () => player.up(Math.floor(60 * random()), 4 * random()),
    () => talker.publish('log', room, 1 + Math.floor(3 * random())),
    () => talker.publish('short', room, 1 + Math.floor(3 * random())),
    () => talker.publish('live', room, 1 + Math.floor(3 * random())),
    () => talker.publish('newest', room, 1 + Math.floor(3 * random())),
  ]
  deeds[Math.floor(random() * deeds.length)]?.()
}
