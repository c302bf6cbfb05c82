/** One guard: the patch that takes it away, and the test that must not survive it. */
export interface Guard {
  /** What the guard does. */
  readonly does: string
  readonly file: string
  /** What stands in the file exactly once, and what is put in its place. */
  readonly find: string
  readonly replace: string
  /** It stands there more than once, each time against the same. */
  readonly everywhere?: true
  /** The file of the test, and as much of its name as is needed to find it. */
  readonly test: string
  readonly name?: string
  /** Where the test stands, when its file runs what others run as well. */
  readonly suite?: string
}

/** What every engine keeps to, and what every broker does: files whose tests run in those of each. */
export const ENGINE_SUITE = 'test/support/engine-suite.ts'
export const BROKER_SUITE = 'packages/server/test/broker-suite.ts'
