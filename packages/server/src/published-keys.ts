import type { Position } from '@tautline/core/wire'

/** How long a key is remembered, in ms, and how many are. */
const REMEMBERED_MS = 120_000
const REMEMBERED = 65_536

/** The positions of what was published with an idempotency key, so that it is not published again. */
export class PublishedKeys {
  readonly #positions = new Map<string, { readonly position: Position; readonly until: number }>()

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
    this.#positions.delete(name)
    this.#positions.set(name, { position, until: now + REMEMBERED_MS })
    for (const [oldest, { until }] of this.#positions) {
      if (until > now && this.#positions.size <= REMEMBERED) return
      this.#positions.delete(oldest)
    }
  }
}

/** No name of a channel has a line break in it. */
function nameOf(channel: string, key: string): string {
  return `${channel}\n${key}`
}
