import type { CallOptions } from '@tautline/core'
import { mapEntries, type Outline } from '@tautline/core'
import { call } from './call.ts'
import type { Connection } from './connection.ts'
import { readStream } from './reading.ts'
import { type AnyStreamOptions, awaitStream } from './stream.ts'

/**
 * A contract or an outline as functions: the same tree, frozen, with a function in the place of every entry. It is no
 * proxy: its keys enumerate, and it has no `then`.
 *
 * @throws {TypeError} when a leaf is no entry that `contract()` or `outlineOf()` made
 */
export function apiOf({ traffic, topics }: Connection, contract: object): Outline {
  return mapEntries(contract, entry => {
    switch (entry.kind) {
      case 'procedure':
        return (input?: unknown, options?: CallOptions) => call(traffic, entry, input, options)
      case 'stream': {
        const start = entry.down ? readStream : awaitStream
        return (input?: unknown, options?: AnyStreamOptions) => start(traffic, entry, input, options)
      }
      case 'topic':
        return (params: unknown) => topics.channel(entry, params)
    }
  })
}
