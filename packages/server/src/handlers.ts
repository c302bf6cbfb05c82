import { type Anyone, numbersOf, type ProcedureEntry, type StreamEntry, type TopicEntry } from '@tautline/core'
import type { EntryName } from '@tautline/core/wire'

/** A procedure and who answers it. */
export interface ProcedureRoute {
  readonly kind: 'procedure'
  readonly entry: ProcedureEntry
  readonly handle: (input: unknown, call: unknown) => unknown
}

/** A stream and who answers it. */
export interface StreamRoute {
  readonly kind: 'stream'
  readonly entry: StreamEntry
  readonly handle: (input: unknown, call: unknown) => unknown
}

/** A topic and who decides about it. */
export interface TopicRoute {
  readonly kind: 'topic'
  readonly entry: TopicEntry
  readonly subscribe: (params: unknown, call: unknown) => unknown
  readonly publish: ((params: unknown, message: unknown, call: unknown) => unknown) | undefined
  readonly presence: ((params: unknown, call: unknown) => unknown) | undefined
}

/** An entry of the contract with its handlers. */
export type Route = ProcedureRoute | StreamRoute | TopicRoute

/** All entries by path and by number: the only place where a name that came from a client is looked up. */
export type Routes = ReadonlyMap<EntryName, Route>

/** Says in so many words that everybody is let in: as `authenticate`, or as the `subscribe` of a topic. */
export const anyone: Anyone = () => undefined as never

/**
 * Brings a contract and its handlers together.
 *
 * @throws an error that names every handler that is missing, unknown or not a function.
 */
export function routesOf(contract: object, handlers: object): Routes {
  const found: Found = { routes: new Map<EntryName, Route>(), problems: [] }
  walk(contract, handlers, '', found)
  if (found.problems.length > 0)
    throw new TypeError(`the handlers do not fit the contract: ${found.problems.join('; ')}`)
  for (const [path, number] of numbersOf(contract)) {
    const route = found.routes.get(path)
    if (route) found.routes.set(number, route)
  }
  return found.routes
}

interface Found {
  readonly routes: Map<EntryName, Route>
  readonly problems: string[]
}

type Group = Readonly<Record<string, unknown>>

function walk(contract: object, handlers: unknown, prefix: string, found: Found): void {
  const given = isGroup(handlers) ? handlers : {}
  for (const [name, node] of Object.entries(contract)) {
    const path = `${prefix}${name}`
    if (!isEntry(node)) walk(node, given[name], `${path}.`, found)
    else if (node.kind === 'topic') topic(node, given[name], found)
    else {
      const handle = pick(given, name, path, found)
      if (handle) found.routes.set(path, { kind: node.kind, entry: node, handle } as ProcedureRoute | StreamRoute)
    }
  }
  for (const name of Object.keys(given)) if (!Object.hasOwn(contract, name)) unknown(`${prefix}${name}`, found)
}

function topic(entry: TopicEntry, handlers: unknown, found: Found): void {
  const given = isGroup(handlers) ? handlers : {}
  const wanted = new Set(['subscribe'])
  if (entry.publish) wanted.add('publish')
  if (entry.presence) wanted.add('presence')
  for (const name of Object.keys(given)) if (!wanted.has(name)) unknown(`${entry.path}.${name}`, found)
  const [subscribe, publish, presence] = ['subscribe', 'publish', 'presence'].map(name =>
    wanted.has(name) ? pick(given, name, `${entry.path}.${name}`, found) : undefined,
  )
  if (subscribe) found.routes.set(entry.path, { kind: 'topic', entry, subscribe, publish, presence })
}

/** Bound to the object that it stands in, so that a handler may be a method. */
function pick(
  handlers: Group,
  name: string,
  path: string,
  { problems }: Found,
): ((...args: unknown[]) => unknown) | undefined {
  const handler = handlers[name]
  if (typeof handler === 'function') return handler.bind(handlers)
  problems.push(handler === undefined ? `${path} is missing` : `${path} is not a function`)
  return undefined
}

function unknown(path: string, { problems }: Found): void {
  problems.push(`${path} is unknown`)
}

function isGroup(value: unknown): value is Group {
  return typeof value === 'object' && value !== null
}

function isEntry(node: { readonly kind?: unknown }): node is ProcedureEntry | StreamEntry | TopicEntry {
  return typeof node.kind === 'string'
}
