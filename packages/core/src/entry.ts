import type { Retain } from './retain.ts'
import type { Part, parse, Schema } from './schema.ts'

/** The three shapes an entry of a contract can have. */
export type Kind = 'procedure' | 'stream' | 'topic'

/** Whatever the contract's author attached to an entry, for interceptors. */
export type Meta = Readonly<Record<string, unknown>>

/** The declared errors of an entry: code to the schema of its data, or `null` for a code without data. */
export interface ErrorMap {
  readonly [code: string]: Schema | null
}

/** What all entries have in common. */
interface Checked {
  /**
   * What checks values by the schemas of this entry; an outline has none. It hangs here, so that a page with an outline
   * carries nothing that deals with validators.
   */
  readonly '~parse'?: typeof parse
}

/** What procedures and streams have in common. */
interface Callable extends Checked {
  /** The dotted path in the contract, `'rooms.post'`. */
  readonly path: string
  readonly input?: Part | undefined
  /** In an outline `true` stands for every schema. */
  readonly errors?: { readonly [code: string]: Part | null } | undefined
  /** The client may send it again when it cannot know whether it ran. */
  readonly idempotent?: boolean | undefined
  /** How long a call may take, in ms. */
  readonly timeout?: number | undefined
  readonly meta?: Meta | undefined
}

/** A procedure as code sees it that walks a contract or an outline. */
export interface ProcedureEntry extends Callable {
  readonly kind: 'procedure'
  readonly output?: Part | undefined
}

/** A stream as code sees it that walks a contract or an outline. */
export interface StreamEntry extends Callable {
  readonly kind: 'stream'
  readonly up?: Part | undefined
  readonly down?: Part | undefined
  readonly result?: Part | undefined
}

/** A topic as code sees it that walks a contract or an outline. */
export interface TopicEntry extends Checked {
  readonly kind: 'topic'
  /** The dotted path in the contract, `'rooms.feed'`. */
  readonly path: string
  readonly params: Part
  readonly message: Part
  readonly publish?: Part | undefined
  readonly presence?: Part | undefined
  /** In an outline only which of the two kinds of memory it is. */
  readonly retain?: Retain | 'log' | 'latest' | undefined
  readonly meta?: Meta | undefined
}

/** One entry of a contract or of an outline: what code that works with either walks. */
export type AnyEntry = ProcedureEntry | StreamEntry | TopicEntry
