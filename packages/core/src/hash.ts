import { entriesOf } from './outline.ts'

/**
 * The number of each entry, by path: its place among all paths in order of their UTF-16 units. Contracts with the same
 * {@link hashOf} have the same numbers.
 */
export function numbersOf(contract: object): ReadonlyMap<string, number> {
  return new Map([...entriesOf(contract).keys()].sort().map((path, number) => [path, number]))
}

/**
 * A short name for the paths and kinds of a contract, the same for its outline. It tells two versions apart, nothing
 * more: whoever wants to collide can.
 */
export function hashOf(contract: object): string {
  const lines = [...entriesOf(contract).values()].map(({ path, kind }) => `${path} ${kind}`)
  return hash64(lines.sort().join('\n'))
}

/** FNV-1a over UTF-16 units, twice in 32 bits with different seeds: no bigint, a page pays for this while it loads. */
function hash64(text: string): string {
  let low = 0x811c9dc5
  let high = 0xc2b2ae35
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    low = Math.imul(low ^ unit, 0x01000193)
    high = Math.imul(high ^ unit, 0x01000193)
  }
  return hex(high) + hex(low)
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}
