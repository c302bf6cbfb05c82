import type { Redis } from 'ioredis'
import { dialShard } from './client.ts'
import { ignore, notSent } from './failures.ts'

/** A connection on which a master of a cluster tells of changes. */
export interface Line {
  /** The master's address, as `ioredis` writes it. */
  readonly key: string
  readonly connection: Redis
  /** Resolves when the engine has answered; rejects when it is gone before. */
  readonly ready: Promise<void>
  /** Whether the engine has ended subscriptions whose slot moved. It is not said which. */
  moved: boolean
  /** Whether subscriptions are being renewed on it. */
  busy: boolean
}

/** What is done with what a line brings. */
export interface LineListener {
  readonly tell: (line: Line, feed: string, message: Buffer) => void
  /** It is over: nobody dials again. */
  readonly lost: (line: Line) => void
}

/** Dials a master once. */
export function dialLine(key: string, node: Redis, { tell, lost }: LineListener): Line {
  const connection = dialShard(node)
  const ready = new Promise<void>((resolve, reject) => {
    connection.once('ready', resolve)
    connection.once('end', () => reject(notSent('the connection is lost')))
  })
  ready.catch(ignore)
  const line = { key, connection, ready, moved: false, busy: false }
  connection.on('error', ignore)
  connection.on('end', () => lost(line))
  connection.on('moved', () => {
    line.moved = true
  })
  connection.on('smessageBuffer', (feed: Buffer, message: Buffer) => tell(line, feed.toString(), message))
  return line
}
