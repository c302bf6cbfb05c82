import { Encoded, EncodeError, encodeFrame, type Frame, FrameType, travelsAlone } from '@tautline/core/wire'
import type { BrokerChannel, Change } from './broker.ts'
import { Recency } from './recency.ts'

const KiB = 1_024

/** How much rings keep. */
export interface RingLimits {
  /** Changes per channel. */
  readonly changes: number
  /** Bytes per channel; the newest change is kept in any case. */
  readonly bytes: number
  /** Bytes of all channels together. */
  readonly totalBytes: number
}

const RING_LIMITS: RingLimits = { changes: 256, bytes: 256 * KiB, totalBytes: 64 * KiB * KiB }

/** A change as it goes to sockets: framed once, when the first one takes it. */
export class Entry {
  readonly offset: number
  /** With `latestBy`: whose newest change it is. */
  readonly key: string | undefined
  /** Whether the key is gone. */
  readonly retracts: boolean
  /** What keeping it costs, in bytes. */
  readonly size: number
  #content: { readonly channel: BrokerChannel; readonly epoch: string | null; readonly change: Change } | Uint8Array

  constructor(channel: BrokerChannel, epoch: string | null, change: Change) {
    this.offset = change.offset
    this.key = channel.retain.kind === 'latest' ? change.key : undefined
    this.retracts = change.body === undefined
    this.size = (change.body?.length ?? 0) + 128
    this.#content = { channel, epoch, change }
  }

  /** The bytes of its frame, the same for every subscriber. */
  get frame(): Uint8Array {
    if (this.#content instanceof Uint8Array) return this.#content
    const { channel, epoch, change } = this.#content
    const frame = own(frameOf(channel.name, epoch, this.key, change))
    this.#content = frame
    return frame
  }
}

/**
 * The newest changes of a channel, shared by all its sockets, so that one that is a little behind, or many that come
 * back at once, need not ask the broker. It has everything that a reader at `from` or above needs.
 */
export class Ring {
  readonly #rings: Rings
  #entries: (Entry | undefined)[] = []
  /** Where the oldest is. */
  #first = 0
  #bytes = 0
  /** Who has everything up to here gets the rest from the ring. */
  from = 0
  /** The newest change. */
  head = 0

  constructor(rings: Rings) {
    this.#rings = rings
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Takes the change in that follows `head`. */
  push(entry: Entry): void {
    this.#entries.push(entry)
    this.head = entry.offset
    this.#count(entry.size)
    this.#trim()
  }

  /** Begins anew: what lies up to `head` is not known. */
  restart(head: number): void {
    this.clear()
    this.from = head
    this.head = head
  }

  /** Takes in what was read from the broker, if it is what lies just below. */
  extend(after: number, through: number, entries: readonly Entry[]): void {
    if (through < this.from || after >= this.from) return
    const older = entries.filter(({ offset }) => offset <= this.from)
    this.#entries.splice(0, this.#first, ...older)
    this.#first = 0
    this.from = after
    this.#count(older.reduce((sum, { size }) => sum + size, 0))
    this.#trim()
  }

  /** Whether all that follows `after` is here. */
  has(after: number): boolean {
    return after >= this.from
  }

  /** What follows `after`; of each key its newest change alone. */
  since(after: number): Entry[] {
    const following: Entry[] = []
    const keys = new Set<string>()
    for (let i = this.#entries.length - 1; i >= this.#first; i--) {
      const entry = this.#entries[i]
      if (!entry || entry.offset <= after) break
      if (entry.key !== undefined && keys.has(entry.key)) continue
      if (entry.key !== undefined) keys.add(entry.key)
      following.push(entry)
    }
    return following.reverse()
  }

  /** Forgets everything; only who is at `head` needs nothing else. */
  clear(): void {
    this.#count(-this.#bytes)
    this.#entries = []
    this.#first = 0
    this.from = this.head
  }

  /** A first index, because taking one away from the front of an array moves all others. */
  #trim(): void {
    const { limits } = this.#rings
    const before = this.#bytes
    let bytes = before
    for (let left = this.#entries.length - this.#first; left > 1; left--) {
      if (left <= limits.changes && bytes <= limits.bytes) break
      const oldest = this.#entries[this.#first]
      this.#entries[this.#first] = undefined
      this.#first += 1
      bytes -= oldest?.size ?? 0
      this.from = oldest?.offset ?? this.from
    }
    if (bytes === before) return
    if (this.#first * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first)
      this.#first = 0
    }
    this.#count(bytes - before)
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.#rings.used(this, bytes)
  }
}

/** All rings of a server: when they keep too much together, the one that was not used for longest is emptied first. */
export class Rings {
  /** Those that hold something, in the order of their last use. */
  readonly #rings = new Recency<Ring>()
  readonly limits: RingLimits
  #bytes = 0

  constructor(limits = RING_LIMITS) {
    this.limits = limits
  }

  get bytes(): number {
    return this.#bytes
  }

  /** A ring has grown or shrunk by so many bytes. */
  used(ring: Ring, bytes: number): void {
    this.#bytes += bytes
    if (ring.bytes > 0) this.#rings.use(ring)
    else this.#rings.delete(ring)
    while (this.#bytes > this.limits.totalBytes) {
      const { oldest } = this.#rings
      if (!oldest || oldest === ring) return
      oldest.clear()
    }
  }
}

/**
 * What an engine brought that no client may be sent is lost, and in its place stands what says so: that its key is gone,
 * or that there is a gap.
 */
function frameOf(name: string, epoch: string | null, key: string | undefined, { offset, body }: Change): Uint8Array {
  const asMessage = body && attempt([FrameType.MESSAGE, name, offset, new Encoded(body), key])
  const asRetraction = () => (key === undefined ? undefined : attempt([FrameType.RETRACT, name, offset, key]))
  return asMessage ?? asRetraction() ?? encodeFrame([FrameType.GAP, name, epoch, offset])
}

function attempt(frame: Frame): Uint8Array | undefined {
  try {
    return encodeFrame(frame)
  } catch (error) {
    if (error instanceof EncodeError) return undefined
    throw error
  }
}

/** Small frames share a piece of memory, which a ring must not keep for the sake of one of them. */
function own(frame: Uint8Array): Uint8Array {
  return frame.buffer.byteLength > frame.length * 2 && !travelsAlone(frame) ? frame.slice() : frame
}
