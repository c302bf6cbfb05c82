import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const HOUR_MS = 3_600_000
const MIB = 1_048_576

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** What is left of this process's heap without garbage, in bytes. */
export function heapOfThisProcess(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

/** Samples of a heap, and how fast it grows. */
export class Heap {
  readonly #samples: (readonly [hours: number, mib: number])[] = []

  add(ms: number, bytes: number): void {
    this.#samples.push([ms / HOUR_MS, bytes / MIB])
  }

  /** The slope of the line that lies nearest to the samples of the second half. */
  toString(): string {
    const samples = this.#samples.slice(Math.floor(this.#samples.length / 2))
    const mean = (index: 0 | 1) => samples.reduce((sum, sample) => sum + sample[index], 0) / samples.length
    const [hours, mib] = [mean(0), mean(1)]
    const rise = samples.reduce((sum, [x, y]) => sum + (x - hours) * (y - mib), 0)
    const run = samples.reduce((sum, [x]) => sum + (x - hours) ** 2, 0)
    return `${(rise / run).toFixed(1)} MiB/h at ${mib.toFixed(1)} MiB`
  }
}
