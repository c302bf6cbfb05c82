/** How often each entry was called and how that went: `OK`, a declared or a canonical code. */
export type Calls = Readonly<Record<string, Readonly<Record<string, number>>>>

/** Counts calls by entry and outcome. Both are names of the contract or of Tautline, so there are only so many. */
export class Tally {
  readonly #entries = new Map<string, Map<string, number>>()

  /** Counts one call; `entry` is a path of the contract, or `''` for all that are not in it. */
  count(entry: string, outcome: string): void {
    const outcomes = this.#entries.get(entry) ?? new Map<string, number>()
    this.#entries.set(entry, outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1))
  }

  /** What was counted so far. */
  get calls(): Calls {
    return Object.fromEntries([...this.#entries].map(([entry, outcomes]) => [entry, Object.fromEntries(outcomes)]))
  }
}
