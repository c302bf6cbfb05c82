import type { Deadlines } from '@tautline/core/wire'
import type { Cluster } from 'ioredis'
import { nodeOf } from './client.ts'
import { ignore, notSent } from './failures.ts'
import { dialLine, type Line } from './lines.ts'
import { type Listener, Listeners } from './listeners.ts'
import { slotOf } from './slots.ts'

/** What is not where it belongs is put there this often, in ms. */
const TEND_MS = 250
/** Lines are asked for a sign of life, and looked at for being where they belong, this often. */
const LOOK_MS = 1_000
/** Channels that are asked for at once of a master. */
const AT_ONCE = 500
/** So often is a new subscription sent on to where a slot has moved. */
const MOVES = 3

/** Where a feed that is followed belongs, and is. */
interface Place {
  readonly slot: number
  /** Where the engine confirmed the subscription. */
  line: Line | undefined
}

/** What {@link Shards} asks of whoever runs commands. */
export interface ShardsParts {
  readonly cluster: Cluster
  readonly deadlines: Deadlines
  /** Whether the cluster has sharded pub/sub. */
  readonly exist: () => Promise<boolean>
  /** Told when subscriptions that were away are back: what was told meanwhile was not heard. */
  readonly renewed: () => void
}

/**
 * The connections on which the masters of a cluster tell of changes, each of those in its own slots. Where a subscription
 * belongs is looked at again and again, so that no event needs to arrive for it to get there. (The subscribers that
 * `ioredis` has for this forget a subscription that a master refused, and do not notice one that is silent.)
 */
export class Shards {
  readonly #parts: ShardsParts
  readonly #listeners = new Listeners({
    open: feed => this.#follow(feed),
    leave: feed => this.#leave(feed),
  })
  /** Of every feed that is followed. */
  readonly #places = new Map<string, Place>()
  readonly #lines = new Map<string, Line>()
  /** Followed, and not where they belong. */
  readonly #displaced = new Set<string>()
  #isRenewed = false
  #isClosed = false

  constructor(parts: ShardsParts) {
    this.#parts = parts
    this.#tend()
    this.#look()
  }

  /**
   * Listens to a shard channel, where there are any; resolves, with how to stop, when nothing that is told from now on is
   * missed.
   *
   * @throws {@link TautlineError} `UNAVAILABLE`
   */
  async listen(feed: string, listener: Listener): Promise<() => void> {
    if (!(await this.#parts.exist())) return () => undefined
    if (this.#isClosed) throw notSent('the broker is closed')
    return this.#listeners.add(feed, listener)
  }

  close(): void {
    this.#isClosed = true
    this.#listeners.clear()
    this.#places.clear()
    this.#displaced.clear()
    for (const { connection } of this.#lines.values()) connection.disconnect()
    this.#lines.clear()
  }

  #follow(feed: string): Promise<void> {
    const place = { slot: slotOf(feed), line: undefined }
    this.#places.set(feed, place)
    return this.#open(feed, place)
  }

  #leave(feed: string): void {
    const line = this.#places.get(feed)?.line
    this.#places.delete(feed)
    this.#displaced.delete(feed)
    // A connection that cannot do it takes the subscription with it.
    line?.connection.sunsubscribe(feed).catch(ignore)
  }

  async #open(feed: string, place: Place): Promise<void> {
    for (let moves = 0; ; moves++) {
      const home = this.#homeOf(place.slot)
      const line = home === undefined ? undefined : this.#lineTo(home)
      try {
        if (!line) throw notSent('no node is known to have the slot')
        await line.ready
        return await this.#moveTo(line, feed, place)
      } catch (error) {
        if (moves === MOVES || (line && !hasMoved(error))) throw error
        await this.#locate(feed)
      }
    }
  }

  /** Subscribes on a line, and then no longer on the one before it. */
  async #moveTo(line: Line, feed: string, place: Place): Promise<void> {
    await line.connection.ssubscribe(feed)
    const now = this.#places.get(feed)
    if (now !== place) {
      // Nobody follows it any more; whoever came back has asked for it again.
      if (!now) line.connection.sunsubscribe(feed).catch(ignore)
      return
    }
    if (this.#lines.get(line.key) !== line) throw notSent('the connection is lost')
    if (place.line !== line) place.line?.connection.sunsubscribe(feed).catch(ignore)
    place.line = line
    this.#displaced.delete(feed)
  }

  #lineTo(key: string): Line | undefined {
    return this.#isClosed ? undefined : (this.#lines.get(key) ?? this.#dial(key))
  }

  /** The address of the master of a slot. */
  #homeOf(slot: number): string | undefined {
    return this.#parts.cluster.slots[slot]?.[0]
  }

  #dial(key: string): Line | undefined {
    const node = nodeOf(this.#parts.cluster, key)
    if (!node) return undefined
    const line = dialLine(key, node, {
      tell: (from, feed, message) => this.#tell(from, feed, message),
      lost: gone => this.#lost(gone),
    })
    this.#lines.set(key, line)
    return line
  }

  #lost(line: Line): void {
    if (this.#lines.get(line.key) === line) this.#lines.delete(line.key)
    for (const [feed, place] of this.#places) {
      if (place.line !== line) continue
      place.line = undefined
      this.#displaced.add(feed)
    }
  }

  #tell(line: Line, feed: string, message: Buffer): void {
    const now = this.#places.get(feed)?.line
    // Two masters may tell of one change while a slot moves, and who retains nothing cannot know.
    if (now && now !== line && !this.#displaced.has(feed)) return
    this.#listeners.tell(feed, message)
  }

  /** Puts what is displaced where it belongs, as far as that can be done now. */
  #tend(): void {
    if (this.#isClosed) return
    if ([...this.#lines.values()].some(({ moved }) => moved)) this.#displaceMoved()
    const homes = new Map<string, string[]>()
    for (const feed of this.#displaced) {
      const home = this.#homeOf(this.#places.get(feed)?.slot ?? -1)
      if (home === undefined) continue
      const feeds = homes.get(home)
      if (feeds) feeds.push(feed)
      else homes.set(home, [feed])
    }
    for (const [home, feeds] of homes) {
      const line = this.#lineTo(home)
      if (line && !line.busy && line.connection.status === 'ready') void this.#renew(line, feeds)
    }
    this.#parts.deadlines.add(TEND_MS, () => this.#tend())
  }

  /** Whatever is followed on a line that lost something is asked for again: what is still there stays. */
  #displaceMoved(): void {
    for (const [feed, { line }] of this.#places) if (line?.moved) this.#displaced.add(feed)
    for (const line of this.#lines.values()) line.moved = false
  }

  async #renew(line: Line, feeds: readonly string[]): Promise<void> {
    line.busy = true
    const moved = new Map<number, string>()
    for (let i = 0; i < feeds.length; i += AT_ONCE) {
      await Promise.all(
        feeds.slice(i, i + AT_ONCE).map(async feed => {
          const place = this.#places.get(feed)
          if (!place) return
          try {
            await this.#moveTo(line, feed, place)
            this.#isRenewed = true
          } catch (error) {
            // What is refused stays displaced.
            if (hasMoved(error)) moved.set(place.slot, feed)
          }
        }),
      )
    }
    await Promise.all([...moved.values()].map(feed => this.#locate(feed)))
    line.busy = false
  }

  /** Asks the master of a feed for something that is not there: being sent on, `ioredis` learns whose the slot is now. */
  async #locate(feed: string): Promise<void> {
    await this.#parts.cluster.get(feed).catch(ignore)
  }

  #look(): void {
    if (this.#isClosed) return
    const used = new Set<Line>()
    for (const [feed, { line, slot }] of this.#places) {
      if (!line) continue
      used.add(line)
      if (line.key !== this.#homeOf(slot)) this.#displaced.add(feed)
    }
    for (const line of this.#lines.values()) this.#lookAt(line, used.has(line))
    const { cluster, deadlines, renewed } = this.#parts
    // Of a master that died nobody says who takes its place.
    if (this.#displaced.size > 0 && cluster.status === 'ready') cluster.refreshSlotsCache()
    if (this.#isRenewed) renewed()
    this.#isRenewed = false
    deadlines.add(LOOK_MS, () => this.#look())
  }

  /** With something under way, silence is noticed: `ioredis` gives the connection up. */
  #lookAt({ key, connection }: Line, isUsed: boolean): void {
    if (!isUsed && !nodeOf(this.#parts.cluster, key)) connection.disconnect()
    else if (connection.status === 'ready') connection.ping().catch(ignore)
  }
}

function hasMoved(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('MOVED ')
}
