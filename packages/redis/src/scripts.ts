import { createHash } from 'node:crypto'
import type { Retention } from '@tautline/server'
import { PUBLISH_NONE } from './lua/base.ts'
import { COUNT } from './lua/count.ts'
import { HEAD_LATEST, PUBLISH_LATEST, READ_LATEST, RENEW } from './lua/latest.ts'
import { HEAD_LOG, PUBLISH_LOG, READ_LOG } from './lua/log.ts'

/** A script, and the name under which the engine remembers it. */
export interface Script {
  readonly lua: string
  readonly sha: string
}

/** Adds to a count. */
export const count = script(COUNT)

/** One step of the engine for each thing that is done to a channel; which one depends on what the channel retains. */
export const scripts = {
  publish: { none: script(PUBLISH_NONE), log: script(PUBLISH_LOG), latest: script(PUBLISH_LATEST) },
  head: { log: script(HEAD_LOG), latest: script(HEAD_LATEST) },
  read: { log: script(READ_LOG), latest: script(READ_LATEST) },
  renew: { latest: script(RENEW) },
} as const satisfies Record<string, Partial<Record<Retention['kind'], Script>>>

function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}
