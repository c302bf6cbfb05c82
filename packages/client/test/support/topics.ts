import type { TopicEntry } from '@tautline/core'

/** Topics as an outline has them: a log, the newest of each key, and no memory at all. */
export const log = entry('rooms.feed', 'log')
export const latest = entry('rooms.positions', 'latest')
export const unretained = entry('rooms.pulse', undefined)

function entry(path: string, retain: 'log' | 'latest' | undefined): TopicEntry {
  return { kind: 'topic', path, params: true, message: true, publish: true, retain }
}
