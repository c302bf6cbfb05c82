import { FrameType, type Limits, type Welcome } from '@tautline/core/wire'
import type { Settings } from './options.ts'

/** What all WELCOMEs of a server have in common. */
export interface WelcomeParts {
  readonly settings: Settings
  /** The limits that concern a client. */
  readonly told: Limits
  /** Hash of the contract. */
  readonly contract: string
  /** Names the memory of keyed calls' outcomes. */
  readonly outcomes: string
}

/** Whom a WELCOME is for. */
export interface Welcomed {
  readonly secret: string
  readonly id: string
  readonly resumed: boolean
  /** Counted frames that were received. */
  readonly received: number
}

/** A WELCOME: the names of a session, how far it has come, and the numbers that its client keeps to. */
export function welcomeOf({ settings, told, contract, outcomes }: WelcomeParts, welcomed: Welcomed): Welcome {
  const { limits, route } = settings
  const { secret, id, resumed, received } = welcomed
  return [
    FrameType.WELCOME,
    {
      session: secret,
      publicId: id,
      resumed,
      received,
      contract,
      heartbeatMs: limits.heartbeatMs,
      resumeMs: limits.resumeMs,
      limits: told,
      route,
      outcomes,
    },
  ]
}
