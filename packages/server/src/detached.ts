/** What is known of a session that waits for its client. */
export interface Waiting {
  readonly identity: string | undefined
  /** Bytes that it keeps for replay. */
  readonly keptBytes: number
}

/** How many sessions may wait, and for how long. */
export interface WaitingLimits {
  readonly resumeMs: number
  readonly detachedPerIdentity: number
  readonly detached: number
  readonly detachedBytes: number
}

/** Whoever has no identity stands for itself. */
type Holder<T> = string | T

/**
 * The sessions that wait for their clients, oldest first. There is room for so many; when it is used up, the identity
 * that holds most loses its oldest, so that nobody can push out others by leaving often.
 */
export class Detached<T extends Waiting> {
  readonly #limits: WaitingLimits
  readonly #onLost: (session: T) => void
  /** When each began to wait; in that order. */
  readonly #since = new Map<T, number>()
  readonly #held = new Map<Holder<T>, Set<T>>()
  /** Holders by how many they hold: element 3 has those who hold three. */
  readonly #bySize: Set<Holder<T>>[] = []
  #bytes = 0

  /** @param onLost - told of each session that has waited in vain; it is not here any more. */
  constructor(limits: WaitingLimits, onLost: (session: T) => void) {
    this.#limits = limits
    this.#onLost = onLost
  }

  /** How many wait. */
  get size(): number {
    return this.#since.size
  }

  /** The session of that identity that has waited longest. */
  oldestOf(identity: string): T | undefined {
    return first(this.#held.get(identity))
  }

  add(session: T, now: number): void {
    if (this.#limits.resumeMs === 0) return this.#onLost(session)
    const holder = session.identity ?? session
    const held = this.#held.get(holder) ?? new Set()
    this.#since.set(session, now)
    this.#held.set(holder, held)
    held.add(session)
    this.#resize(holder, held.size - 1, held.size)
    this.#bytes += session.keptBytes
    if (held.size > this.#limits.detachedPerIdentity) this.#lose(first(held))
    if (this.#since.size > this.#limits.detached) this.#lose(first(this.#held.get(this.#largest())))
    if (this.#bytes > this.#limits.detachedBytes) this.#lighten()
  }

  /** Its client came back, or it is over. */
  delete(session: T): void {
    if (!this.#since.delete(session)) return
    const holder = session.identity ?? session
    const held = this.#held.get(holder)
    if (!held?.delete(session)) return
    if (held.size === 0) this.#held.delete(holder)
    this.#resize(holder, held.size + 1, held.size)
  }

  /**
   * Loses those who have waited long enough, and weighs the others again: what they keep grows while they wait.
   *
   * @param stalled - this process was asleep, and nobody could have come back: all begin to wait anew.
   */
  sweep(now: number, stalled: boolean): void {
    for (const [session, since] of this.#since) {
      if (stalled) this.#since.set(session, now)
      else if (now - since >= this.#limits.resumeMs) this.#lose(session)
      else break
    }
    this.#lighten()
  }

  #lose(session: T | undefined): void {
    if (!session) return
    this.delete(session)
    this.#onLost(session)
  }

  /** Down to fifteen sixteenths of what is allowed, so that a crowd is not weighed for each of its members. */
  #lighten(): void {
    const weights = new Map<Holder<T>, number>()
    this.#bytes = 0
    for (const session of this.#since.keys()) {
      const holder = session.identity ?? session
      weights.set(holder, (weights.get(holder) ?? 0) + session.keptBytes)
      this.#bytes += session.keptBytes
    }
    if (this.#bytes <= this.#limits.detachedBytes) return
    const heaviest = [...weights].sort((a, b) => b[1] - a[1])
    for (const [holder] of heaviest) {
      for (const session of this.#held.get(holder) ?? []) {
        if (this.#bytes * 16 <= this.#limits.detachedBytes * 15) return
        this.#bytes -= session.keptBytes
        this.#lose(session)
      }
    }
  }

  #largest(): Holder<T> {
    return first(this.#bySize.findLast(holders => holders.size > 0)) as Holder<T>
  }

  #resize(holder: Holder<T>, before: number, after: number): void {
    this.#bySize[before]?.delete(holder)
    const holders = this.#bySize[after]
    if (holders) holders.add(holder)
    else this.#bySize[after] = new Set([holder])
  }
}

function first<T>(set: Set<T> | undefined): T | undefined {
  return set?.values().next().value
}
