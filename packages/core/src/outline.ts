import type { AnyEntry } from './entry.ts'

/** A contract without its schemas, as {@link outlineOf} or a JSON file gives it. */
export interface Outline {
  readonly [name: string]: unknown
}

/** The parts of an entry of which an outline says only that they are there. */
const PARTS = ['input', 'output', 'up', 'down', 'result', 'params', 'message', 'publish', 'presence'] as const

/**
 * The same tree without schemas: plain JSON, for a browser that should not carry the validator. `connect` takes it in
 * the contract's place.
 */
export function outlineOf(contract: object): Outline {
  return mapEntries(contract, outlineOfEntry)
}

/** Every entry of a contract or outline by its path. */
export function entriesOf(contract: object): ReadonlyMap<string, AnyEntry> {
  const entries = new Map<string, AnyEntry>()
  mapEntries(contract, entry => entries.set(entry.path, entry))
  return entries
}

/**
 * The same tree with something else in the place of each entry, frozen.
 *
 * @throws {TypeError} when a leaf is not an entry that `contract()` or `outlineOf()` made.
 */
export function mapEntries(contract: object, map: (entry: AnyEntry) => unknown): Outline {
  return mapGroup(contract, '', map)
}

function mapGroup(group: object, path: string, map: (entry: AnyEntry) => unknown): Outline {
  const mapped = Object.entries(group).map(([name, node]) => {
    const at = path === '' ? name : `${path}.${name}`
    if (isEntry(node, at)) return [name, map(node)]
    if (typeof node === 'object' && node !== null && typeof node.kind !== 'string')
      return [name, mapGroup(node, at, map)]
    throw new TypeError(`${at} is no entry of a contract: has the tree been through contract()?`)
  })
  return Object.freeze(Object.fromEntries(mapped))
}

function isEntry(node: unknown, path: string): node is AnyEntry {
  return typeof node === 'object' && node !== null && 'kind' in node && 'path' in node && node.path === path
}

function outlineOfEntry(entry: AnyEntry): object {
  const outline: Record<string, unknown> = { kind: entry.kind, path: entry.path }
  for (const part of PARTS) if (part in entry) outline[part] = true
  if (entry.kind === 'topic') {
    if (typeof entry.retain === 'object') outline.retain = entry.retain.latestBy ? 'latest' : 'log'
    else if (entry.retain !== undefined) outline.retain = entry.retain
  } else {
    if (entry.idempotent) outline.idempotent = true
    if (entry.timeout !== undefined) outline.timeout = entry.timeout
    if (entry.errors !== undefined) outline.errors = mapValues(entry.errors, data => (data === null ? null : true))
  }
  const meta = jsonOf(entry.meta)
  if (meta !== undefined) outline.meta = meta
  return Object.freeze(outline)
}

function mapValues<Value>(record: Readonly<Record<string, Value>>, map: (value: Value) => unknown): object {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]))
}

/** `meta` as JSON would give it back, nothing where it cannot (a cycle, a bigint). */
function jsonOf(meta: unknown): unknown {
  if (meta === undefined) return undefined
  try {
    return JSON.parse(JSON.stringify(meta))
  } catch {
    return undefined
  }
}
