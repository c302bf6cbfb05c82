import { isCanonicalCode } from './errors.ts'
import { memoryOf } from './retain.ts'
import { isSchema, parse } from './schema.ts'

type Options = Readonly<Record<string, unknown>>
type Check = (value: unknown, name: string) => void

/** What stands between the last name of a topic and its presence channel, `'rooms.feed@presence'`. */
const PRESENCE = '@presence'
const MAX_PATH = 255 - PRESENCE.length
const MAX_TIMEOUT = 3_600_000
const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/
const CODE = /^[A-Za-z][A-Za-z0-9_]{0,63}$/
/** Names that make an object a promise, a class or a JSON value; those of `Object.prototype` are found by looking. */
const RESERVED = new Set(['then', 'catch', 'finally', 'prototype', 'toJSON'])

const COMMON = { meta: checkMeta } as const
const CALLABLE = { ...COMMON, input: checkSchema, errors: checkErrors, idempotent: checkBoolean, timeout: checkTimeout }

/** Which options an entry of each kind may have, and what each must be. */
const CHECKS: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  procedure: { ...CALLABLE, output: checkSchema },
  stream: { ...CALLABLE, up: checkSchema, down: checkSchema, result: checkSchema },
  topic: {
    ...COMMON,
    params: checkSchema,
    message: checkSchema,
    publish: checkSchema,
    presence: checkPresence,
    retain: memoryOf,
  },
}

/** @throws {TypeError} when a name cannot stand in a path: on the wire, in a Redis key, as a NATS token, as a property. */
export function checkName(name: string, path: string): void {
  if (RESERVED.has(name) || name in Object.prototype) throw new TypeError(`${path}: \`${name}\` is a reserved name`)
  if (!NAME.test(name))
    throw new TypeError(
      `${path}: a name is made of letters, digits, \`_\` and \`-\`, and begins with a letter or \`_\``,
    )
  if (path.length > MAX_PATH) throw new TypeError(`${path.slice(0, 64)}…: a path has at most ${MAX_PATH} characters`)
}

/**
 * A fresh frozen copy of an entry, with its path.
 *
 * @throws {TypeError} names the path and the option that cannot stand.
 */
export function checkEntry(entry: Options & { readonly kind: string }, path: string): object {
  const { kind, path: _, ...options } = entry
  const checks = Object.hasOwn(CHECKS, kind) ? CHECKS[kind] : undefined
  if (checks === undefined) throw new TypeError(`${path} is neither a procedure, a stream nor a topic`)
  try {
    checkOptions(options, checks)
    if (kind === 'stream') needs(options, 'up', 'down')
    if (kind === 'topic') {
      needs(options, 'params')
      needs(options, 'message')
    }
  } catch (error) {
    throw new TypeError(`${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
  const present = Object.entries(options).filter(([, value]) => value !== undefined)
  const checked = { kind, path, ...Object.fromEntries(present.map(([name, value]) => [name, frozen(name, value)])) }
  // Not enumerable: an entry is what was declared, also to who prints or compares it.
  return Object.freeze(Object.defineProperty(checked, '~parse', { value: parse }))
}

function checkOptions(options: Options, checks: Readonly<Record<string, Check>>): void {
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined
    if (check === undefined)
      throw new TypeError(`there is no option \`${name}\`; there are: ${Object.keys(checks).join(', ')}`)
    if (value !== undefined) check(value, name)
  }
}

function needs(options: Options, ...names: readonly string[]): void {
  if (names.every(name => options[name] === undefined))
    throw new TypeError(`needs ${names.map(name => `\`${name}\``).join(' or ')}`)
}

/** What a later change of the author's object must not reach. */
function frozen(name: string, value: unknown): unknown {
  return name === 'errors' || name === 'retain' ? Object.freeze({ ...(value as object) }) : value
}

function checkSchema(value: unknown, name: string): void {
  if (!isSchema(value)) throw new TypeError(`\`${name}\` must be a Standard Schema, such as zod's`)
}

/** As far as a validator shows its fields: `shape` is zod's, `entries` valibot's. */
function checkPresence(value: unknown, name: string): void {
  checkSchema(value, name)
  const { shape, entries } = value as { readonly shape?: unknown; readonly entries?: unknown }
  const fields = shape ?? entries
  if (typeof fields === 'object' && fields !== null && Object.hasOwn(fields, 'id')) {
    throw new TypeError('`presence` may not have a field `id`: every member has that of its session')
  }
}

function checkErrors(errors: unknown): void {
  if (typeof errors !== 'object' || errors === null) throw new TypeError('`errors` must be an object')
  for (const [code, data] of Object.entries(errors)) {
    if (isCanonicalCode(code))
      throw new TypeError(`the error \`${code}\` is a canonical code; every call may fail with it already`)
    if (!CODE.test(code))
      throw new TypeError(
        `the error \`${code}\` must be made of letters, digits and \`_\`, begin with a letter, and have at most 64 characters`,
      )
    if (data !== null && !isSchema(data))
      throw new TypeError(`the error \`${code}\` must be a Standard Schema, or null when it has no data`)
  }
}

function checkBoolean(value: unknown, name: string): void {
  if (typeof value !== 'boolean') throw new TypeError(`\`${name}\` must be true or false`)
}

function checkTimeout(value: unknown): void {
  if (!Number.isInteger(value) || Number(value) < 1 || Number(value) > MAX_TIMEOUT) {
    throw new TypeError(`\`timeout\` must be an integer from 1 to ${MAX_TIMEOUT} (ms)`)
  }
}

function checkMeta(value: unknown): void {
  if (typeof value !== 'object' || value === null) throw new TypeError('`meta` must be an object')
}
