import { notSent } from './failures.ts'
import { type Told, toldOf } from './told.ts'

/** Told of every change on a feed. */
export type Listener = (told: Told) => void

/** How the engine is asked for a feed. */
export interface Subscribing {
  /** Somebody listens to it. Resolves when the engine has confirmed that it tells. */
  readonly open: (feed: string) => Promise<unknown>
  /** Nobody listens to it any more. */
  readonly leave: (feed: string) => void
}

interface Followed {
  readonly listeners: Set<Listener>
  readonly opened: Promise<unknown>
}

/** Who listens to which feed: the engine is asked once for each, whatever the number of listeners. */
export class Listeners {
  readonly #subscribing: Subscribing
  readonly #followed = new Map<string, Followed>()

  constructor(subscribing: Subscribing) {
    this.#subscribing = subscribing
  }

  /**
   * Adds a listener; resolves, with how to stop, when nothing that is told from now on is missed.
   *
   * @throws {@link TautlineError} `UNAVAILABLE`
   */
  async add(feed: string, listener: Listener): Promise<() => void> {
    const followed = this.#follow(feed)
    followed.listeners.add(listener)
    const stop = () => this.#leave(feed, followed, listener)
    try {
      await followed.opened
      return stop
    } catch (error) {
      stop()
      throw notSent('Redis cannot be reached', error)
    }
  }

  /** A message came in on a feed. */
  tell(feed: string, message: Buffer): void {
    const followed = this.#followed.get(feed)
    const told = followed && toldOf(message)
    if (told) for (const listener of followed.listeners) listener(told)
  }

  /** The feeds that somebody listens to. */
  feeds(): string[] {
    return [...this.#followed.keys()]
  }

  has(feed: string): boolean {
    return this.#followed.has(feed)
  }

  /** Forgets all of them, without a word to the engine. */
  clear(): void {
    this.#followed.clear()
  }

  #follow(feed: string): Followed {
    const known = this.#followed.get(feed)
    if (known) return known
    const followed = { listeners: new Set<Listener>(), opened: this.#subscribing.open(feed) }
    this.#followed.set(feed, followed)
    return followed
  }

  #leave(feed: string, followed: Followed, listener: Listener): void {
    if (!followed.listeners.delete(listener) || followed.listeners.size > 0) return
    if (this.#followed.get(feed) !== followed) return
    this.#followed.delete(feed)
    this.#subscribing.leave(feed)
  }
}
