import type { Change } from '@tautline/server'

/** What a feed's message says: a change, and how many ms are left until its key is due, if it ever is. */
export interface Told {
  readonly epoch: string | null
  readonly change: Change
  /** The run of the engine that says so. */
  readonly run: string
  readonly dueMs: number | undefined
}

/** `epoch offset run ttl keyBytes m|g`, a line feed, the key, the body: see docs/brokers.md. */
const HEADER = /^(\S+) (\d+) (\S+) (-|\d+) (-|\d+) ([mg])$/
/** No header is longer. */
const LONGEST_HEADER = 256
const LINE_FEED = 0x0a

/** Reads a message of a feed; `undefined` for one that is none: other processes may publish on the channel, too. */
export function toldOf(message: Buffer): Told | undefined {
  const end = message.indexOf(LINE_FEED)
  if (end < 0 || end > LONGEST_HEADER) return undefined
  const [, epoch = '', offset, run = '', ttl, keyBytes, kind] = HEADER.exec(message.toString('latin1', 0, end)) ?? []
  if (epoch === '') return undefined
  const body = end + 1 + (keyBytes === '-' ? 0 : Number(keyBytes))
  const change = {
    offset: Number(offset),
    key: keyBytes === '-' ? undefined : message.toString('utf8', end + 1, body),
    body: kind === 'm' ? message.subarray(body) : undefined,
  }
  return { epoch: epoch === '-' ? null : epoch, change, run, dueMs: ttl === '-' ? undefined : Number(ttl) }
}

const NO_BODY = Buffer.alloc(0)

/** The message of a feed that tells of what nobody remembers, as `lua/base.ts` tells of all else. */
export function messageOf(key: string | undefined, body: Buffer | undefined): Buffer {
  const keyBytes = key === undefined ? '-' : Buffer.byteLength(key)
  const head = Buffer.from(`- 0 - - ${keyBytes} ${body ? 'm' : 'g'}\n${key ?? ''}`)
  return Buffer.concat([head, body ?? NO_BODY])
}
