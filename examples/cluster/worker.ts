/** A process that serves nobody, and publishes all the same: `REDIS_URL=redis://… tsx worker.ts`. */
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { redis } from '@tautline/redis'
import { publisher } from '@tautline/server'
import { Redis } from 'ioredis'
import { cluster } from './contract.ts'
import { HALL } from './hall.ts'

const BEAT_MS = 100
const AGAIN_MS = 250

const broker = redis(new Redis(process.env['REDIS_URL'] ?? 'redis://localhost:6379', { lazyConnect: true }), {
  prefix: 'cluster',
})
const { publish } = publisher(cluster, broker)
const source = randomUUID()
let leaving = false

/** Until the engine has it: with a key, however often it is asked, it is there once. */
async function beat(seq: number): Promise<void> {
  const level = (Math.sin(seq / 9) + Math.sin(seq / 4.3) + 2) / 4
  while (!leaving) {
    try {
      await publish(cluster.beats, HALL, { source, seq, level }, { idempotencyKey: `${source} ${seq}` })
      return
    } catch {
      await pause(AGAIN_MS)
    }
  }
}

const leave = () => {
  leaving = true
}
process.on('SIGINT', () => undefined)
process.on('SIGTERM', leave)
process.on('disconnect', leave)

for (let seq = 1; !leaving; seq++) {
  await beat(seq)
  await pause(BEAT_MS)
}
await broker.close()
if (process.connected) process.disconnect()
