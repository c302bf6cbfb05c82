import { TautlineError } from '@tautline/core'

/** With this many items that nobody has read yet, a push waits. */
const ROOM = 16
/** With this many, it is refused: whoever comes here does not wait. */
const MOST = 1_000

/** A source of items that is pushed into by hand; give it as `up` to one stream. */
export interface ItemQueue<Item> extends AsyncIterable<Item, void, undefined> {
  /**
   * Adds an item. Resolves with `true` when there is room for the next one, with `false` when nobody reads any more.
   * Rejects with `RESOURCE_EXHAUSTED` when 1,000 items wait already.
   */
  readonly push: (item: Item) => Promise<boolean>
  /** No more items. */
  readonly end: () => void
  /** No more items, because of `error`: the server's handler and the stream fail. */
  readonly fail: (error: unknown) => void
}

/** Makes a source to push items into by hand, for a stream's `up`. It is read once, and only as fast as the server takes. */
export function queue<Item>(): ItemQueue<Item> {
  const items: Item[] = []
  /** Who waits: readers for items, or pushers for room; never both. */
  const readers: { resolve(step: IteratorResult<Item, undefined>): void; reject(error: unknown): void }[] = []
  const pushers: ((taken: boolean) => void)[] = []
  let state: 'open' | 'ended' | 'left' | { readonly error: unknown } = 'open'

  const end = (next: typeof state): void => {
    if (state !== 'open' && next !== 'left') return
    state = next
    for (const reader of readers.splice(0)) settle(reader)
    if (next === 'left') {
      items.length = 0
      for (const pusher of pushers.splice(0)) pusher(false)
    }
  }
  const settle = (reader: (typeof readers)[number]): void => {
    const rest = state
    if (typeof rest !== 'object') return reader.resolve({ done: true, value: undefined })
    state = 'ended'
    reader.reject(rest.error)
  }

  const iterator: AsyncIterator<Item, undefined, undefined> = {
    next: () =>
      new Promise((resolve, reject) => {
        if (items.length > 0) {
          resolve({ done: false, value: items.shift() as Item })
          pushers.shift()?.(true)
        } else if (state === 'open') readers.push({ resolve, reject })
        else settle({ resolve, reject })
      }),
    return: () => {
      end('left')
      return Promise.resolve({ done: true, value: undefined })
    },
  }

  return {
    async push(item) {
      if (state !== 'open') return false
      const reader = readers.shift()
      if (reader) {
        reader.resolve({ done: false, value: item })
        return true
      }
      if (items.length >= MOST) throw new TautlineError('RESOURCE_EXHAUSTED', `${MOST} items wait already`)
      if (items.push(item) < ROOM) return true
      return new Promise(resolve => pushers.push(resolve))
    },
    end: () => end('ended'),
    fail: error => end({ error }),
    [Symbol.asyncIterator]: () => iterator,
  }
}
