/** The first try comes within this many ms, so that a crowd that was cut off together does not come back together. */
const FIRST_MS = 2_000
const STEP_MS = 1_000
const LONGEST_MS = 20_000
/** However the dice fall: nobody tries again and again without a pause. */
const LEAST_MS = 50

/**
 * How long to wait before trying again, in ms (guarantees.md, "Liveness"): full jitter, over a ceiling that doubles.
 *
 * @param tries - how many tries have failed since the connection was last healthy.
 */
export function backoff(tries: number, random: () => number): number {
  return tries === 0 ? random() * FIRST_MS : Math.max(LEAST_MS, random() * Math.min(LONGEST_MS, STEP_MS * 2 ** tries))
}
