import { Random } from '../../packages/core/test/fuzz/random.ts'

export { Random }

/** Something that takes input from strangers, ready to be given some. */
export interface Playing {
  /** Gives it one random input. Throws, or rejects, when a promise is broken. */
  play(random: Random): unknown
  /** Ends it, and throws when anything is left over. */
  end(): Promise<void>
}

/** Something to fuzz. */
export interface FuzzTarget {
  readonly name: string
  begin(): Promise<Playing>
}

/**
 * Plays random inputs until so many ms are over.
 *
 * @returns how many there were.
 * @throws with the seed that shows the first one that breaks a promise again, alone.
 */
export async function fuzz(
  target: FuzzTarget,
  { seed, ms }: { readonly seed: number; readonly ms: number },
): Promise<number> {
  const playing = await target.begin()
  const end = performance.now() + ms
  let inputs = 0
  try {
    for (; inputs === 0 || performance.now() < end; inputs++) await playing.play(new Random(seed + inputs))
    await playing.end()
    return inputs
  } catch (cause) {
    throw new Error(`${target.name}: npm run fuzz -- --only '${target.name}' --seed ${seed + inputs}`, { cause })
  }
}
