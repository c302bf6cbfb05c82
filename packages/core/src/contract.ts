import { checkEntry, checkName } from './check.ts'
import type { ErrorMap, Meta } from './entry.ts'
import type { Definition, In, Out, ProcedureClient, StreamClient, TopicClient } from './infer.ts'
import { entriesOf } from './outline.ts'
import type { Retain } from './retain.ts'
import type { Schema } from './schema.ts'
import type { TopicRef } from './server-types.ts'

const MAX_ENTRIES = 10_000
const MAX_DEPTH = 16

/** A contract, or a group of one: entries and further groups by name. */
export interface Group {
  readonly [name: string]: Definition | Group
}

/** What a procedure may be given. */
export interface ProcedureOptions<Input, Output, Errors> {
  /** What the caller sends; nothing when absent. */
  readonly input?: Input
  /** What the handler answers, stripped of what the schema does not name; nothing when absent. */
  readonly output?: Output
  /** The errors that the caller should expect: code to the schema of its data, or to `null`. */
  readonly errors?: Errors
  /** The client may send it again when it cannot know whether it ran. `false` when absent. */
  readonly idempotent?: boolean
  /** How long a call may take, in ms, 1 to 3,600,000. 30,000 when absent. */
  readonly timeout?: number
  /** Whatever interceptors want to read as `call.entry.meta`. */
  readonly meta?: object
}

/** One request, one answer. */
export interface Procedure<Input, Output, Errors> extends Definition {
  readonly kind: 'procedure'
  readonly path: string
  readonly input: Input
  readonly output: Output
  readonly errors: Errors
  readonly idempotent?: boolean
  readonly timeout?: number
  readonly meta?: Meta
  readonly '~client': ProcedureClient<Input, Output, Errors>
}

/** What a stream may be given. */
export interface StreamParts {
  /** What the caller sends to start it; nothing when absent. */
  readonly input?: Schema
  /** One item from client to server. */
  readonly up?: Schema
  /** One item from server to client. */
  readonly down?: Schema
  /** What it ends with; nothing when absent. */
  readonly result?: Schema
  /** The errors that the caller should expect: code to the schema of its data, or to `null`. */
  readonly errors?: ErrorMap
  /** The client may start it again, before it handed over an item, when it cannot know whether it ran. */
  readonly idempotent?: boolean
  /** How long the whole stream may take, in ms, 1 to 3,600,000. For ever when absent. */
  readonly timeout?: number
  /** Whatever interceptors want to read as `call.entry.meta`. */
  readonly meta?: object
}

/** Items down, items up, or both, then a result. */
export interface Stream<Parts> extends Definition {
  readonly kind: 'stream'
  readonly path: string
  readonly meta?: Meta
  /** Exists for the compiler only. */
  readonly '~parts': Parts
  readonly '~client': StreamClient<Parts>
}

/** What a topic may be given. */
export interface TopicParts {
  /** What tells one channel of the topic from another. */
  readonly params: Schema
  /** What subscribers get. */
  readonly message: Schema
  /** What a client may send; nothing when absent. */
  readonly publish?: Schema
  /**
   * What others see of a subscriber, an object without a field `id`, which is that of its session; nobody sees anybody
   * when absent.
   */
  readonly presence?: Schema
  /** What the topic remembers; nothing when absent. */
  readonly retain?: object
  /** Whatever interceptors want to read as `call.entry.meta`. */
  readonly meta?: object
}

/** Messages pushed to whoever subscribes. */
export interface Topic<Parts extends TopicParts>
  extends Definition,
    TopicRef<In<Parts['params']>, In<Parts['message']>> {
  readonly kind: 'topic'
  readonly meta?: Meta
  /** Exists for the compiler only. */
  readonly '~parts': Parts
  readonly '~client': TopicClient<Parts>
}

/** Makes a name that is not in `Allowed` a mistake at its line: a type argument is not checked for excess properties. */
type Only<Parts, Allowed> = { readonly [Name in Exclude<keyof Parts, keyof Allowed>]: never }

/** Declares one request with one answer. */
export function procedure<
  Input extends Schema | undefined = undefined,
  Output extends Schema | undefined = undefined,
  Errors extends ErrorMap | undefined = undefined,
>(options: ProcedureOptions<Input, Output, Errors>): Procedure<Input, Output, Errors> {
  return define('procedure', options)
}

/** Declares a stream: items down, items up, or both, then a result. */
export function stream<Parts extends StreamParts>(parts: Parts & Only<Parts, StreamParts>): Stream<Parts> {
  return define('stream', parts)
}

/** Declares a topic: messages pushed to whoever subscribes. */
export function topic<Message extends Schema, Parts extends TopicParts>(
  parts: Parts & { readonly message: Message; readonly retain?: Retain<Out<Message>> } & Only<Parts, TopicParts>,
): Topic<Parts> {
  return define('topic', parts)
}

/**
 * Checks a tree of entries and returns it anew: frozen, each entry with its path. What was a part of another contract
 * may be spread into it and gets a new path.
 *
 * @throws {TypeError} names the path of the first thing that cannot stand: a name that would break a promise or a
 * prototype, a leaf that is no entry, an option out of its bounds.
 */
export function contract<Tree extends Group>(tree: Tree): Tree {
  const checked = checkGroup(tree, '', [])
  const { size } = entriesOf(checked)
  if (size > MAX_ENTRIES) throw new TypeError(`a contract has at most ${MAX_ENTRIES} entries, this one ${size}`)
  return checked as Tree
}

/** The compiler's members (`path` before `contract()`, `'~client'`) are not there: the one place that promises them. */
function define<D>(kind: string, options: object): D {
  return Object.freeze({ ...options, kind }) as D
}

function checkGroup(group: unknown, path: string, above: readonly unknown[]): object {
  if (!isPlain(group))
    throw new TypeError(`${path || 'the contract'} is neither a procedure, a stream, a topic nor a group of them`)
  if (above.includes(group)) throw new TypeError(`${path} contains itself`)
  if (above.length > MAX_DEPTH) throw new TypeError(`${path}: groups nest at most ${MAX_DEPTH} deep`)
  const checked: Record<string, unknown> = {}
  for (const [name, node] of Object.entries(group)) {
    const at = path === '' ? name : `${path}.${name}`
    checkName(name, at)
    checked[name] = isDefinition(node) ? checkEntry(node, at) : checkGroup(node, at, [...above, group])
  }
  return Object.freeze(checked)
}

/** Also what `import * as rooms` gives. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function isDefinition(value: unknown): value is Readonly<Record<string, unknown>> & { readonly kind: string } {
  return isPlain(value) && 'kind' in value && typeof value.kind === 'string'
}
