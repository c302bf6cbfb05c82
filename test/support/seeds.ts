/** What faults are dealt with: two hands in `npm test`, `npm run torture -- --faults` has more. */
export const SEEDS: readonly number[] = Array.from(
  { length: Number(process.env['TAUTLINE_SEEDS'] ?? 2) },
  (_, i) => i + 1,
)
