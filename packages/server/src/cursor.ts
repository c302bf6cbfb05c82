import { encodeFrame, FrameType, type Link } from '@tautline/core/wire'
import type { Channel, Reader, Stretch } from './channel.ts'
import type { Flow } from './flow.ts'
import type { Entry } from './ring.ts'

/** Of what it missed, a socket is sent so much at once. */
const TURN_BYTES = 64 * 1_024

/** Where a reader of a channel stands. */
export interface Place {
  /** The epoch of the channel's memory; null where nothing is retained. */
  readonly epoch: string | null
  /** Everything up to here has been sent, or need not be. */
  readonly after: number
  /**
   * With `latestBy`, when everything is read from the beginning: of keys that were retracted before this, nothing is
   * known that would have to be taken back.
   */
  readonly base: number
}

/** What a cursor needs of its socket's link. */
export type CursorLink = Pick<Link, 'sendEncoded' | 'sendNow' | 'unsentBytes'>

/** Live: gets what is new as it comes. Behind: reads as its socket drains. Reading: waits for the broker. */
type State = 'live' | 'behind' | 'reading' | 'closed'

/**
 * One socket's place in one channel (protocol.md, "Positions"). One loop serves who is live, who recovers and who is
 * slow: at the newest it is pushed to, else it reads pages after its place as the socket drains. It holds no message.
 */
export class Cursor implements Reader {
  readonly #channel: Channel
  readonly #link: CursorLink
  readonly #flow: Pick<Flow, 'open' | 'idle'>
  #state: State = 'behind'
  #epoch: string | null
  #after: number
  #base: number
  /** Pages that are older than this know of keys that the reader was told to be gone. */
  #asOf: number
  /** Without `retain`: something went by while the socket was slow. */
  #missed = false

  constructor(channel: Channel, link: CursorLink, flow: Pick<Flow, 'open' | 'idle'>, place: Place) {
    this.#channel = channel
    this.#link = link
    this.#flow = flow
    this.#epoch = place.epoch
    this.#after = place.after
    this.#base = place.base
    this.#asOf = place.base
  }

  /** Whether it waits for its socket: worth a look when there is room. */
  get behind(): boolean {
    return this.#state === 'behind'
  }

  /** Another subscription of the same socket begins at `place`: back to where both get what they need. */
  rewind({ epoch, after, base }: Place): void {
    if (epoch !== this.#epoch) this.#loseTo({ epoch, floor: 0, head: this.#channel.head })
    this.#base = Math.min(Math.max(after, base), Math.max(this.#after, this.#base))
    this.#asOf = Math.max(this.#asOf, base)
    if (after >= this.#after) return
    this.#after = after
    if (this.#state !== 'live') return
    this.#channel.leave(this)
    this.#state = 'behind'
  }

  /** Goes on with as much as there is room for. */
  run(): void {
    if (!this.#channel.retains && this.#state === 'behind' && !this.#missed) return this.#join()
    while (this.#state === 'behind' && this.#flow.idle) {
      if (!this.#channel.retains) return this.#catchPresent()
      if (this.#epoch === this.#channel.epoch && this.#after >= this.#channel.head) return this.#join()
      const stretch = this.#epoch === this.#channel.epoch ? this.#channel.recent(this.#after) : undefined
      if (!stretch || stretch.head < this.#asOf) return void this.#read()
      // Then others have their turn: what is sent makes the link tell when there is room again.
      if (this.#take(stretch)) return this.#joinIfThere()
    }
  }

  push(entries: readonly Entry[], frames: readonly Uint8Array[] | undefined): void {
    const [first] = entries
    const isNew = first !== undefined && (first.offset > this.#after || !this.#channel.retains)
    // A socket on which nothing waits need not tell of room afterwards, and is not looked at a second time.
    if (frames && isNew && this.#link.unsentBytes === 0) {
      this.#link.sendNow(frames)
      this.#after = entries.at(-1)?.offset ?? this.#after
      return
    }
    for (const entry of isNew ? entries : entries.filter(({ offset }) => offset > this.#after)) {
      if (!this.#flow.open) return this.#fallBehind()
      this.#link.sendEncoded(entry.frame)
      this.#after = entry.offset
    }
  }

  advance(): void {
    if (this.#state === 'closed') return
    this.#state = 'behind'
    this.run()
  }

  close(): void {
    this.#state = 'closed'
    this.#channel.leave(this)
  }

  #fallBehind(): void {
    this.#missed = true
    this.#channel.leave(this)
    this.#state = 'behind'
  }

  #join(): void {
    this.#state = 'live'
    this.#channel.join(this)
  }

  #joinIfThere(): void {
    if (this.#state === 'behind' && this.#epoch === this.#channel.epoch && this.#after >= this.#channel.head)
      this.#join()
  }

  /** What nobody keeps is gone: the present is next. */
  #catchPresent(): void {
    this.#sendGap(null, 0)
    this.#missed = false
    this.#join()
  }

  async #read(again = false): Promise<void> {
    this.#state = 'reading'
    const after = this.#epoch === this.#channel.epoch ? this.#after : 0
    const stretch = await this.#channel.read({ after }).catch(() => undefined)
    if (this.#state !== 'reading') return
    // Others may have asked for this page before this reader began; one that is asked for now is new enough.
    const isOld = stretch !== undefined && stretch.epoch === this.#epoch && stretch.head < this.#asOf
    if (!stretch || (isOld && again)) return this.#channel.stall(this)
    if (isOld) return this.#read(true)
    this.#state = 'behind'
    // What was read before the epoch changed says nothing any more.
    if (stretch.epoch === this.#channel.epoch && this.#take(stretch)) return this.#joinIfThere()
    this.run()
  }

  /** Sends of a page what there is room for; whether that was anything. */
  #take(stretch: Stretch): boolean {
    const gap = stretch.epoch !== this.#epoch || stretch.floor > Math.max(this.#after, this.#base)
    if (gap) this.#loseTo(stretch)
    let sent = gap
    if (stretch.after > this.#after) return sent
    let left = TURN_BYTES
    for (const entry of stretch.entries) {
      if (!this.#flow.open || left <= 0) return true
      if (entry.offset <= this.#after || (entry.retracts && entry.offset < this.#base)) continue
      this.#link.sendEncoded(entry.frame)
      this.#after = entry.offset
      left -= entry.size
      sent = true
    }
    this.#after = Math.max(this.#after, stretch.through)
    return sent
  }

  /** What lies before is lost: the oldest message is next, of `latestBy` the newest of every key. */
  #loseTo({ epoch, floor, head }: Pick<Stretch, 'floor' | 'head'> & Pick<Place, 'epoch'>): void {
    const isLatest = this.#channel.ref.retain.kind === 'latest'
    this.#epoch = epoch
    this.#after = isLatest ? 0 : floor
    this.#base = isLatest ? head : 0
    this.#asOf = this.#base
    this.#sendGap(epoch, this.#after)
  }

  #sendGap(epoch: string | null, offset: number): void {
    this.#link.sendEncoded(encodeFrame([FrameType.GAP, this.#channel.ref.name, epoch, offset]))
  }
}
