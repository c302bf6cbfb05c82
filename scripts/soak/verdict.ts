import type { Wrong } from '../../test/support/real-world.ts'

/** So many breaches of a promise are told. */
const MOST_TOLD = 10

/** Prints what was wrong, and a last line that counts it; says whether nothing was. */
export function tellVerdict({ lost, twice, reordered, unsettled, executed, problems, leftOver }: Wrong): boolean {
  const verdict = {
    lost,
    // Two runs of one call are as bad as two answers to it.
    twice: [...twice, ...executed],
    reordered,
    // An end that nobody promised is none.
    unsettled: [...unsettled, ...problems],
    'left over': leftOver,
  }
  for (const [promise, breaches] of Object.entries(verdict)) {
    for (const breach of breaches.slice(0, MOST_TOLD)) console.error(`${promise}: ${breach}`)
  }
  const counts = Object.entries(verdict).map(([promise, { length }]) => `${promise} ${length}`)
  console.log(counts.join(' · '))
  return Object.values(verdict).every(({ length }) => length === 0)
}
