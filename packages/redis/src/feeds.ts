import type { Deadlines } from '@tautline/core/wire'
import type { Redis } from 'ioredis'
import { ignore, notSent } from './failures.ts'
import { type Listener, Listeners } from './listeners.ts'

/** Channels that are asked for at once when a connection is new. */
const AT_ONCE = 500
const PING_MS = 1_000
/** Where no connection can be dialled, the next try is so many ms later. */
const REDIAL_MS = 250
/** Who asks before the first connection stands waits for it, for so many ms. */
const PATIENCE_MS = 2_000

/** The connection on which the engine tells of changes: one subscription per channel, renewed on every new connection. */
export class Feeds {
  readonly #dial: () => Redis | undefined
  readonly #deadlines: Deadlines
  readonly #changed: () => void
  readonly #listeners = new Listeners({
    open: channel => this.#subscribe(channel),
    leave: channel => this.#unsubscribe(channel),
  })
  readonly #begun: Promise<void>
  #begin: () => void = () => undefined
  #connection: Redis | undefined
  #state: 'dialling' | 'resubscribing' | 'up' | 'down' | 'closed' = 'dialling'

  /** @param changed - told whenever {@link Feeds.up} may have changed. */
  constructor(dial: () => Redis | undefined, deadlines: Deadlines, changed: () => void) {
    this.#dial = dial
    this.#deadlines = deadlines
    this.#changed = changed
    this.#begun = new Promise(resolve => {
      this.#begin = resolve
    })
    deadlines.add(PATIENCE_MS, this.#begin)
    this.#redial()
    this.#ping()
  }

  /** Whether everything that is told arrives here. */
  get up(): boolean {
    return this.#state === 'up'
  }

  /**
   * Listens to a channel; resolves, with how to stop, when nothing that is told from now on is missed.
   *
   * @throws {@link TautlineError} `UNAVAILABLE`
   */
  async listen(channel: string, listener: Listener): Promise<() => void> {
    if (this.#state === 'dialling') await this.#begun
    if (this.#state === 'closed') throw notSent('the broker is closed')
    return this.#listeners.add(channel, listener)
  }

  close(): void {
    this.#become('closed')
    this.#listeners.clear()
    this.#connection?.disconnect()
  }

  async #subscribe(channel: string): Promise<void> {
    if (!this.#connection) throw notSent('Redis cannot be reached')
    await this.#connection.subscribe(channel)
  }

  /** A connection that cannot do it takes the subscription with it. */
  #unsubscribe(channel: string): void {
    this.#connection?.unsubscribe(channel).catch(ignore)
  }

  #redial(): void {
    if (this.#state === 'closed') return
    const connection = this.#dial()
    this.#connection = connection
    if (!connection) {
      this.#deadlines.add(REDIAL_MS, () => this.#redial())
      return
    }
    connection.on('error', ignore)
    connection.on('ready', () => void this.#resubscribe(connection))
    connection.on('close', () => this.#become('down'))
    connection.on('end', () => this.#deadlines.add(REDIAL_MS, () => this.#redial()))
    connection.on('messageBuffer', (channel: Buffer, message: Buffer) =>
      this.#listeners.tell(channel.toString(), message),
    )
  }

  /** All that is followed, again; only then is it said that the engine is back. */
  async #resubscribe(connection: Redis): Promise<void> {
    this.#become('resubscribing')
    try {
      const channels = this.#listeners.feeds()
      for (let i = 0; i < channels.length; i += AT_ONCE) {
        const some = channels.slice(i, i + AT_ONCE).filter(channel => this.#listeners.has(channel))
        if (some.length > 0) await connection.subscribe(...some)
      }
      if (this.#connection === connection && connection.status === 'ready') this.#become('up')
    } catch {
      // The connection is lost, or refuses: on the next one it is tried again.
      connection.disconnect(true)
    }
  }

  #become(state: 'resubscribing' | 'up' | 'down' | 'closed'): void {
    if (this.#state === 'closed') return
    this.#state = state
    if (state !== 'resubscribing') this.#begin()
    this.#changed()
  }

  /** With something under way, silence is noticed: `ioredis` gives the connection up. */
  #ping(): void {
    if (this.#state === 'closed') return
    if (this.#connection?.status === 'ready') this.#connection.ping().catch(ignore)
    this.#deadlines.add(PING_MS, () => this.#ping())
  }
}
