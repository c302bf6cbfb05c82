import type { Link } from '@tautline/core/wire'

/** What a flow keeps to, in bytes. */
export interface FlowLimits {
  /** Unsent bytes above which a socket is slow: topics stop pushing to it. */
  readonly highWaterBytes: number
  /** Unsent bytes up to which it is given the next page of what it missed. */
  readonly lowWaterBytes: number
}

/** How much the topics may hand to a session's socket (protocol.md, "Flow"). */
export class Flow {
  readonly #link: Pick<Link, 'attached' | 'unsentBytes'>
  readonly #limits: FlowLimits

  constructor(link: Pick<Link, 'attached' | 'unsentBytes'>, limits: FlowLimits) {
    this.#link = link
    this.#limits = limits
  }

  /** Whether what is new may be pushed. */
  get open(): boolean {
    return this.#link.unsentBytes <= this.#limits.highWaterBytes
  }

  /** Whether there is room for a page of what was missed, with room left for whatever else the session sends. */
  get idle(): boolean {
    return this.#link.attached && this.#link.unsentBytes <= this.#limits.lowWaterBytes
  }
}
