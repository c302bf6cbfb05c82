interface Link<T> {
  readonly item: T
  older: Link<T> | undefined
  newer: Link<T> | undefined
}

/**
 * Things in the order in which they were last used. A `Map` from which an entry is taken, to be put back at its end, has
 * the same order, but V8 keeps each place that an entry has left until the map grows, and searches through all of them:
 * whoever is used all the time among ten thousand others becomes fifty times as slow as among a hundred.
 */
export class Recency<T> {
  readonly #links = new Map<T, Link<T>>()
  #oldest: Link<T> | undefined
  #newest: Link<T> | undefined

  get size(): number {
    return this.#links.size
  }

  /** The one that was not used for longest. */
  get oldest(): T | undefined {
    return this.#oldest?.item
  }

  /** The one that was used next after this one. */
  after(item: T): T | undefined {
    return this.#links.get(item)?.newer?.item
  }

  /** It is the one that was used last; it is taken in if it is not here. */
  use(item: T): void {
    const known = this.#links.get(item)
    if (known && known === this.#newest) return
    const link = known ?? { item, older: undefined, newer: undefined }
    if (known) this.#unlink(known)
    else this.#links.set(item, link)
    link.older = this.#newest
    link.newer = undefined
    if (this.#newest) this.#newest.newer = link
    else this.#oldest = link
    this.#newest = link
  }

  delete(item: T): void {
    const link = this.#links.get(item)
    if (!link) return
    this.#links.delete(item)
    this.#unlink(link)
  }

  clear(): void {
    this.#links.clear()
    this.#oldest = undefined
    this.#newest = undefined
  }

  #unlink({ older, newer }: Link<T>): void {
    if (older) older.newer = newer
    else this.#oldest = newer
    if (newer) newer.older = older
    else this.#newest = older
  }
}
