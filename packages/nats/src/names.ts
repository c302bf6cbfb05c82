import { createHash } from 'node:crypto'

/** The subjects of a channel. */
export interface Subjects {
  /** Where its changes are stored, in order. */
  readonly memory: string
  /** Where they are told once they are stored; what retains nothing is only told. */
  readonly feed: string
}

/** What `channelOf()` makes; anything else becomes one token that no such name is equal to. */
const TOKENS = /^[\w@-]+(\.[\w@-]+)*$/

/** The subjects of a channel, without wildcards whatever its name. */
export function subjectsOf(prefix: string, name: string): Subjects {
  const token = TOKENS.test(name) ? name : `=${Buffer.from(name).toString('base64url')}`
  return { memory: `${prefix}.r.${token}`, feed: `${prefix}.f.${token}` }
}

/** All subjects that the stream stores, and those on which it tells what it has stored. */
export function allSubjectsOf(prefix: string): Subjects {
  return { memory: `${prefix}.r.>`, feed: `${prefix}.f.>` }
}

/** Subjects of the stream that no channel has. */
export function ownSubjectOf(prefix: string, what: 'clock' | 'janitor'): string {
  return `${prefix}.r.==${what}`
}

/** What stands for an idempotency key in the memory of a channel. */
export function onceOf(idempotencyKey: string): string {
  return createHash('sha256').update(idempotencyKey).digest('base64url').slice(0, 22)
}
