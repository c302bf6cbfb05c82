type Waiter<T> = {
  readonly resolve: (result: IteratorResult<T, undefined>) => void
  readonly reject: (error: unknown) => void
}

type Rest =
  | { readonly kind: 'more' }
  | { readonly kind: 'ended' }
  | { readonly kind: 'failed'; readonly error: unknown }

/** What keeping an item costs beside its bytes. */
const OVERHEAD = 64

/**
 * Items pushed in by one side of a connection, read as an async iterable by one consumer. It never holds more than its
 * window in bytes and one item: what may be pushed is counted as protocol.md, "Flow", counts credit.
 */
export class Queue<T> implements AsyncIterableIterator<T, undefined, undefined> {
  readonly #window: number
  readonly #grant: (bytes: number) => void
  readonly #weigh: (bytes: number) => void
  #items: { readonly item: T; readonly size: number }[] = []
  #head = 0
  #waiters: Waiter<T>[] = []
  #room: number
  #consumed = 0
  #rest: Rest = { kind: 'more' }
  #discarding = false

  /**
   * @param window - bytes that may be pushed before any is read.
   * @param grant - called with the bytes that may be pushed again, once half the window has been read.
   * @param weigh - told by how many bytes what is kept here has grown or shrunk; 64 for each item beside its own.
   */
  constructor(window: number, grant: (bytes: number) => void, weigh: (bytes: number) => void = () => undefined) {
    this.#window = window
    this.#room = window
    this.#grant = grant
    this.#weigh = weigh
  }

  /** Number of items that nobody has read yet. */
  get length(): number {
    return this.#items.length - this.#head
  }

  /** Takes one item of `size` bytes in; `false` when there was no room left before it. */
  push(item: T, size: number): boolean {
    if (this.#room <= 0) return false
    this.#room -= size
    if (this.#rest.kind !== 'more') return true
    if (this.#discarding) this.#consume(size)
    else if (this.#waiters.length > 0) {
      this.#waiters.shift()?.resolve({ done: false, value: item })
      this.#consume(size)
    } else {
      this.#items.push({ item, size })
      this.#weigh(size + OVERHEAD)
    }
    return true
  }

  /** No more items will come: who reads gets what is here, then the end. */
  end(): void {
    this.#finish({ kind: 'ended' })
  }

  /** No more items will come, because of `error`: who reads gets what is here, then the error. */
  fail(error: unknown): void {
    this.#finish({ kind: 'failed', error })
  }

  /** Drops what is here and all that comes, and grants it again at once. */
  discard(): void {
    this.#discarding = true
    for (let dropped = this.#take(); dropped; dropped = this.#take()) this.#consume(dropped.size)
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const first = this.#take()
    if (first) {
      this.#consume(first.size)
      return Promise.resolve({ done: false, value: first.item })
    }
    const rest = this.#rest
    if (rest.kind === 'more') return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
    this.#rest = { kind: 'ended' }
    return rest.kind === 'failed' ? Promise.reject(rest.error) : Promise.resolve({ done: true, value: undefined })
  }

  /** The consumer has had enough: whoever waits gets the end, nothing is kept, and nothing more is granted. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.end()
    this.#rest = { kind: 'ended' }
    this.discard()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** A head index, because `shift()` on a long array moves all of it. */
  #take(): { readonly item: T; readonly size: number } | undefined {
    const first = this.#items[this.#head]
    if (!first) return undefined
    this.#weigh(-first.size - OVERHEAD)
    this.#head += 1
    if (this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return first
  }

  #finish(rest: Rest): void {
    if (this.#rest.kind !== 'more') return
    this.#rest = rest
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) {
      if (this.#rest.kind === 'failed') waiter.reject(this.#rest.error)
      else waiter.resolve({ done: true, value: undefined })
      this.#rest = { kind: 'ended' }
    }
  }

  #consume(size: number): void {
    this.#consumed += size
    if (this.#rest.kind !== 'more' || this.#consumed * 2 < this.#window) return
    const bytes = this.#consumed
    this.#consumed = 0
    this.#room += bytes
    this.#grant(bytes)
  }
}
