import { type Deadline, type Deadlines, decodeValue, encodeValue } from '@tautline/core/wire'
import { nanoid } from 'nanoid'
import type { Broker, BrokerChannel, Change, Feed } from './broker.ts'
import type { Failures } from './failures.ts'

/** No topic has such a name. So many are kept that a server that was cut off meanwhile still finds what it missed. */
export const ORDERS: BrokerChannel = {
  name: '@servers',
  retain: { kind: 'log', count: 1_000, seconds: Number.POSITIVE_INFINITY },
}
const PAGE = { messages: 100, bytes: 64 * 1_024 }
/** Whether something was missed is looked at this often, in ms; without a feed, it is asked for again. */
const LOOK_MS = 10_000
const RETRY_MS = 1_000

/** What is to be done about an identity, on every server. */
export type Order = 'disconnect' | 'recheck'

/** What orders need of a server. */
export interface OrdersParts {
  readonly broker: Broker
  readonly deadlines: Deadlines
  /** Told when orders of others are lost for good. */
  readonly failures: Pick<Failures, 'report'>
  /** Does what another server asks for. */
  readonly obey: (order: Order, identity: string) => void
}

/**
 * What the servers of one broker ask of each other: a channel like any other, of the broker's own memory. Its feed only
 * says that there is something to read, so nothing is done twice, out of order or not at all.
 */
export class Orders {
  /** Resolves when it was tried to follow them: mostly, when whatever is asked from now on is done here, too. */
  readonly followed: Promise<void>
  readonly #parts: OrdersParts
  readonly #name = nanoid(12)
  readonly #offStatus: () => void
  #feed: Feed | undefined
  #epoch: string | null = null
  #after = 0
  #next: Deadline | undefined
  #reading = false
  #again = false
  #closed = false

  constructor(parts: OrdersParts) {
    this.#parts = parts
    this.#offStatus = parts.broker.onStatus(status => {
      if (status === 'up') void this.#look()
    })
    this.followed = this.#follow()
  }

  /**
   * Asks all other servers for something. Resolves when the broker has it: they do it once they read it.
   *
   * @throws {@link TautlineError} `UNAVAILABLE` when they could not be asked.
   */
  async tell(order: Order, identity: string): Promise<void> {
    const { bytes } = encodeValue([this.#name, order, identity])
    await this.#parts.broker.publish(ORDERS, { body: bytes })
  }

  close(): void {
    this.#closed = true
    this.#offStatus()
    this.#feed?.close()
    this.#parts.deadlines.delete(this.#next)
  }

  async #follow(): Promise<void> {
    const listener = () => void this.#look()
    try {
      const feed = await this.#parts.broker.subscribe(ORDERS, listener)
      if (this.#closed) return feed.close()
      this.#feed = feed
      ;[this.#epoch, this.#after] = feed.head
      void this.#look()
    } catch {
      // Who publishes or subscribes is told that the broker is away.
      if (!this.#closed) this.#plan(RETRY_MS, () => void this.#follow())
    }
  }

  /** Reads what is new, one page after the other, and never twice at a time. */
  async #look(): Promise<void> {
    this.#again = true
    if (this.#reading || !this.#feed) return
    this.#reading = true
    try {
      while (this.#again && !this.#closed) {
        this.#again = false
        await this.#read()
      }
    } catch {
      // What cannot be read now is read the next time.
    } finally {
      this.#reading = false
    }
    if (!this.#closed) this.#plan(LOOK_MS, () => void this.#look())
  }

  async #read(): Promise<void> {
    const { broker, failures } = this.#parts
    const page = await broker.read(ORDERS, { after: this.#after }, PAGE)
    if (this.#closed) return
    const isSame = page.epoch === this.#epoch
    if (!isSame || page.floor > this.#after) {
      failures.report(
        new Error('the broker forgot what other servers asked for: disconnect or recheck again'),
        'broker',
      )
    }
    this.#epoch = page.epoch
    this.#after = isSame ? page.through : 0
    this.#again ||= !isSame || page.through < page.head
    if (isSame) for (const change of page.changes) this.#obey(change)
  }

  #obey({ body }: Change): void {
    const [from, order, identity] = orderOf(body)
    if (from === this.#name || typeof identity !== 'string') return
    // A newer server may know more orders.
    if (order === 'disconnect' || order === 'recheck') this.#parts.obey(order, identity)
  }

  #plan(ms: number, run: () => void): void {
    this.#parts.deadlines.delete(this.#next)
    this.#next = this.#parts.deadlines.add(ms, run)
  }
}

/** Nothing, for what no server wrote. */
function orderOf(body: Uint8Array | undefined): readonly unknown[] {
  try {
    const value = body && decodeValue(body)
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}
