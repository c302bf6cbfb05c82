/**
 * Holds the floor plan: which package may import which, which single file may import a library, and what nobody calls.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Imports point down only: what each package may import of the others. */
const below: Readonly<Record<string, readonly string[]>> = {
  core: [],
  client: ['core'],
  server: ['core'],
  testing: ['core', 'client', 'server'],
  redis: ['core', 'server'],
  nats: ['core', 'server'],
}

/** Libraries with a door of their own: the only files that may import them. */
const doors: Readonly<Record<string, readonly string[]>> = {
  '@msgpack/msgpack': ['packages/core/src/wire/codec.ts'],
  ws: ['packages/server/src/ws.ts', 'packages/client/src/websocket.node.ts'],
  'rate-limiter-flexible': ['packages/server/src/counts.ts'],
}

/** Packages that run in browsers, and their only files that may know Node. */
const portable = ['core', 'client']
const forNode = ['packages/client/src/websocket.node.ts']

/** What no source file calls, but for those that are named, and why. */
const banned: readonly { readonly call: RegExp; readonly why: string; readonly but?: readonly string[] }[] = [
  { call: /\bPromise\.race\(/, why: 'keeps whatever is raced for as long as the slowest lives: settle once instead' },
  { call: /\bAbortSignal\.(any|timeout)\(/, why: 'keeps a listener for each call, or a timer: use Deadlines' },
  { call: /(?<![.\w])setInterval\(/, why: 'one Sweep looks after everybody' },
  {
    call: /(?<![.\w])setTimeout\(/,
    why: 'time comes from a Clock, and many deadlines share one timer',
    but: ['core/src/wire/clock', 'testing/src/clock', 'server/src/memory', 'server/src/caller'].map(
      name => `packages/${name}.ts`,
    ),
  },
]

/** What a source file does against the floor plan, one sentence each. `file` is relative to the repository. */
export function violations(file: string, source: string): string[] {
  const [, name = ''] = file.split('/')
  const allowed = below[name]
  if (allowed === undefined) return [`${file}: no floor is given for packages/${name}; add it to scripts/floors.ts`]

  const calls = banned.flatMap(({ call, why, but = [] }) => {
    const [found] = call.exec(source) ?? []
    return found === undefined || but.includes(file) ? [] : [`${file}: ${found}…) ${why}`]
  })
  const imports = ts.preProcessFile(source).importedFiles.flatMap(({ fileName: to }) => {
    const [, sibling] = /^@tautline\/([^/]+)/.exec(to) ?? []
    const wrong = (what: string) => [`${file}: ${what} ('${to}')`]

    if (to.startsWith('.') && !resolve('/', dirname(file), to).startsWith(`/packages/${name}/src/`))
      return wrong('a relative import leaves the package')
    if (sibling !== undefined && !allowed.includes(sibling)) return wrong(`${name} may not import ${sibling}`)
    if (doors[to] !== undefined && !doors[to].includes(file)) return wrong(`only ${doors[to].join(', ')} may import`)
    if (isBuiltin(to) && portable.includes(name) && !forNode.includes(file)) return wrong(`${name} may not need Node`)
    return []
  })
  return [...calls, ...imports]
}

function sources(): string[] {
  return readdirSync(join(root, 'packages'), { recursive: true, encoding: 'utf8' })
    .filter(path => /^[^/]+\/src\/.*\.ts$/.test(path))
    .map(path => `packages/${path}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = sources().flatMap(file => violations(file, readFileSync(join(root, file), 'utf8')))
  for (const violation of found) process.stderr.write(`${violation}\n`)
  process.exitCode = found.length === 0 ? 0 : 1
}
