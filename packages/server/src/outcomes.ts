import { createHash } from 'node:crypto'
import { fromWire, TautlineError, toWire } from '@tautline/core'
import { type Clock, decodeValue, encodeValue } from '@tautline/core/wire'
import { nanoid } from 'nanoid'

/** What may be kept of keyed calls (guarantees.md, "Limits"). */
export interface OutcomeLimits {
  /** For how long, in ms. */
  readonly ms: number
  /** One outcome, in bytes; a larger one is not kept. */
  readonly bytes: number
  /** All of them, in bytes; beyond it whoever has most loses the oldest of it, down to fifteen sixteenths. */
  readonly totalBytes: number
  /** Those of one owner; beyond it the owner's oldest are forgotten, and nobody else's. All of them by default. */
  readonly ownerBytes?: number
}

/** 2 min, 64 KiB each, 64 MiB together. */
export const OUTCOME_LIMITS: OutcomeLimits = { ms: 120_000, bytes: 64 * 1024, totalBytes: 64 * 1024 * 1024 }

/** Bytes that a kept outcome takes beside its value and its name. */
const OVERHEAD = 128

interface Running {
  readonly input: string
  readonly outcome: Promise<unknown>
}

interface Kept {
  readonly owner: string
  readonly input: string
  readonly ok: boolean
  readonly bytes: Uint8Array
  readonly size: number
  readonly until: number
}

/** The outcomes of calls with an idempotency key: what has run does not run again while its outcome is known. */
export class Outcomes {
  /** Names this memory: who finds another name has lost what it knew. */
  readonly id = nanoid()
  readonly #clock: Clock
  readonly #limits: OutcomeLimits
  readonly #running = new Map<string, Running>()
  /** In the order in which they were made, which is that in which they expire. */
  readonly #kept = new Map<string, Kept>()
  /** What is kept for each owner. */
  readonly #shares = new Map<string, { readonly names: Set<string>; bytes: number }>()
  #bytes = 0

  constructor(clock: Clock, limits: OutcomeLimits = OUTCOME_LIMITS) {
    this.#clock = clock
    this.#limits = limits
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return this.#bytes
  }

  /** Outcomes that are kept. */
  get size(): number {
    return this.#kept.size
  }

  /**
   * The outcome of `name`: the one that is known, that of a run under way, or else that of `run`.
   *
   * @param owner - whose call it is.
   * @param name - whose call of what, with which key.
   * @param input - the same name with another input is a mistake of the caller's.
   * @param run - rejects with nothing but what the caller may be told.
   * @throws {@link TautlineError} `FAILED_PRECONDITION` when the input is another one; else as `run` did.
   */
  async once(owner: string, name: string, input: unknown, run: () => Promise<unknown>): Promise<unknown> {
    this.sweep()
    const hash = fingerprint(input)
    const known = this.#running.get(name) ?? this.#kept.get(name)
    if (!known) return this.#first(owner, name, hash, run)
    if (known.input !== hash) {
      throw new TautlineError('FAILED_PRECONDITION', 'this idempotency key was used with another input')
    }
    return 'outcome' in known ? known.outcome : recall(known)
  }

  /** Forgets what is too old. */
  sweep(): void {
    const now = this.#clock.now()
    for (const [name, { until }] of this.#kept) {
      if (until > now) return
      this.#forget(name)
    }
  }

  #first(owner: string, name: string, input: string, run: () => Promise<unknown>): Promise<unknown> {
    const outcome = run()
    this.#running.set(name, { input, outcome })
    outcome.then(
      value => this.#settled(owner, name, input, true, value),
      error => this.#settled(owner, name, input, false, toWire(TautlineError.from(error))),
    )
    return outcome
  }

  #settled(owner: string, name: string, input: string, ok: boolean, value: unknown): void {
    this.#running.delete(name)
    const bytes = encoded(value)
    if (!bytes || bytes.length > this.#limits.bytes) return
    const size = OVERHEAD + name.length * 2 + bytes.length
    this.#kept.set(name, { owner, input, ok, bytes, size, until: this.#clock.now() + this.#limits.ms })
    this.#bytes += size
    this.#share(owner, name, size)
    if (this.#bytes > this.#limits.totalBytes) this.#lighten()
  }

  /** Those who have most lose it first, so that a crowd cannot push out what others need; not looked for with each call. */
  #lighten(): void {
    const heaviest = [...this.#shares.values()].sort((a, b) => b.bytes - a.bytes)
    for (const { names } of heaviest) {
      for (const oldest of names) {
        if (this.#bytes * 16 <= this.#limits.totalBytes * 15) return
        this.#forget(oldest)
      }
    }
  }

  /** Whoever has too much loses the oldest of it. */
  #share(owner: string, name: string, size: number): void {
    const { totalBytes, ownerBytes = totalBytes } = this.#limits
    const share = this.#shares.get(owner) ?? { names: new Set(), bytes: 0 }
    this.#shares.set(owner, share)
    share.names.add(name)
    share.bytes += size
    for (const oldest of share.names) {
      if (share.bytes <= ownerBytes) return
      this.#forget(oldest)
    }
  }

  #forget(name: string): void {
    const kept = this.#kept.get(name)
    if (!kept) return
    this.#kept.delete(name)
    this.#bytes -= kept.size
    const share = this.#shares.get(kept.owner)
    if (!share) return
    share.names.delete(name)
    share.bytes -= kept.size
    if (share.names.size === 0) this.#shares.delete(kept.owner)
  }
}

function recall({ ok, bytes }: Kept): unknown {
  const value = decodeValue(bytes)
  if (ok) return value ?? undefined
  throw fromWire(value)
}

/** `undefined` for what could not be sent either: then its caller gets an error that is kept nowhere. */
function encoded(value: unknown): Uint8Array | undefined {
  try {
    return encodeValue(value).bytes
  } catch {
    return undefined
  }
}

function fingerprint(input: unknown): string {
  return createHash('sha256')
    .update(encodeValue(sorted(input)).bytes)
    .digest('base64')
}

/** Clients in other languages write the keys of a map in any order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]))
}
