import type { Guard } from './guard.ts'
import { limitGuards } from './limits.ts'
import { guards, type ThreatGuard } from './list.ts'
import { natsGuards } from './nats.ts'
import { redisGuards } from './redis.ts'

/** Every guard there is; those of a threat have its row. */
export const allGuards: readonly (Guard & Partial<Pick<ThreatGuard, 'row'>>)[] = [
  ...guards,
  ...limitGuards,
  ...natsGuards,
  ...redisGuards,
]
