import type { PageCost, Reader } from '../measure/browser.ts'
import type { Growth } from '../measure/growth.ts'
import type { Recovery } from '../measure/recover.ts'
import type { Slow } from '../measure/slow.ts'
import type { Subject } from '../subjects.ts'
import type { Measured } from './table.ts'

/** Everything that was found out. What was not asked for is empty. */
export interface Findings {
  readonly measured: Measured
  readonly slow: ReadonlyMap<Subject, Slow>
  readonly recoveries: { readonly cut?: Recovery | undefined; readonly crash?: Recovery | undefined }
  readonly growths: readonly Growth[]
  readonly pages: ReadonlyMap<Reader, readonly PageCost[]>
  /** What could not be measured, and why. */
  readonly failures: readonly string[]
  readonly rounds: number
  /** How long it took. */
  readonly minutes: number
  readonly quick: boolean
}
