import { randomUUID } from 'node:crypto'
import type { Publisher } from '@tautline/server'
import { live } from '../contract.ts'
import type { Audience } from './audience.ts'
import type { BareLane } from './bare.ts'

const PERIOD_MS = 100

/** Publishes ten numbered beats a second while somebody is here. Answers how to stop it. */
export function startBeats(publisher: Publisher, bare: BareLane, audience: Audience): () => void {
  const source = randomUUID()
  // From the clock, so that beats of a server that was restarted come after those of the one before.
  let seq = Math.floor(Date.now() / PERIOD_MS)

  const timer = setInterval(() => {
    if (audience.size === 0) return
    const beat = { source, seq: ++seq, level: levelOf(seq) }
    bare.tell({ channel: 'beats', author: source, seq, level: beat.level })
    void publisher.publish(live.stage.beats, { room: 'hall' }, beat)
  }, PERIOD_MS)
  return () => clearInterval(timer)
}

/** Swell and ripple, from 0 to 1. */
function levelOf(seq: number): number {
  const swell = 0.5 + 0.5 * Math.sin(seq / 19)
  const ripple = 0.5 + 0.5 * Math.sin(seq * 1.7) * Math.cos(seq / 3.1)
  return Math.round((0.12 + 0.5 * swell * swell + 0.36 * ripple) * 100) / 100
}
