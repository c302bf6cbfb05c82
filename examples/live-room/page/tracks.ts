/** A comment on its way from right to left. Times in ms, widths in px. */
export interface Flight {
  readonly width: number
  readonly startedAt: number
  readonly lastsMs: number
}

const GAP_PX = 32

/** Where the left edge of a flight is. */
export function leftOf({ width, startedAt, lastsMs }: Flight, now: number, stage: number): number {
  return stage - ((now - startedAt) / lastsMs) * (stage + width)
}

/** Parallel tracks in which no flight runs into the one before it. */
export class Tracks {
  readonly #last: (Flight | undefined)[] = []

  /** Puts a flight on the first track that is free for it; `undefined` when there is none. */
  place(flight: Flight, tracks: number, stage: number): number | undefined {
    for (let track = 0; track < tracks; track++) {
      const before = this.#last[track]
      if (before && !follows(flight, before, stage)) continue
      this.#last[track] = flight
      return track
    }
    return undefined
  }
}

/** It is behind the one before it when it sets out, and still when that one has left. */
function follows(flight: Flight, before: Flight, stage: number): boolean {
  const tail = leftOf(before, flight.startedAt, stage) + before.width
  const goneAt = before.startedAt + before.lastsMs
  return tail + GAP_PX <= stage && leftOf(flight, goneAt, stage) >= 0
}
