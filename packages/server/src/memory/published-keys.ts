import type { Position } from '@tautline/core/wire'

/** How long a key is remembered, in ms. */
const REMEMBERED_MS = 120_000
/** What all of them may cost, and what each costs beside its characters, in bytes. */
const MOST_BYTES = 32 * 1_024 * 1_024
const OVERHEAD = 160

/** The positions of what was published with an idempotency key, so that it is not published again. */
export class PublishedKeys {
  readonly #positions = new Map<string, { readonly position: Position; readonly until: number }>()
  readonly #mostBytes: number
  #bytes = 0

  /** @param mostBytes - what all that is remembered may cost. */
  constructor(mostBytes = MOST_BYTES) {
    this.#mostBytes = mostBytes
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#positions.size
  }

  /** The position that a key got on a channel, unless that is too long ago. */
  find(channel: string, key: string, now: number): Position | undefined {
    const found = this.#positions.get(nameOf(channel, key))
    return found && found.until > now ? found.position : undefined
  }

  /** Remembers it, and forgets what is too old, or the oldest where there are too many. */
  add(channel: string, key: string, position: Position, now: number): void {
    const name = nameOf(channel, key)
    this.#forget(name)
    this.#positions.set(name, { position, until: now + REMEMBERED_MS })
    this.#bytes += costOf(name)
    for (const [oldest, { until }] of this.#positions) {
      if (until > now && this.#bytes <= this.#mostBytes) return
      this.#forget(oldest)
    }
  }

  #forget(name: string): void {
    if (this.#positions.delete(name)) this.#bytes -= costOf(name)
  }
}

function costOf(name: string): number {
  return OVERHEAD + 2 * name.length
}

/** No name of a channel has a line break in it. */
function nameOf(channel: string, key: string): string {
  return `${channel}\n${key}`
}
