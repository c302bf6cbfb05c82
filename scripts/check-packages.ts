/** Builds and packs every package as npm would publish it, and looks at the tarballs the way strangers' tools do. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

interface Manifest {
  readonly name: string
  readonly exports: Readonly<Record<string, unknown>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const root = fileURLToPath(new URL('..', import.meta.url))
const modules = join(root, 'node_modules')
const tsc = join(modules, 'typescript/bin/tsc')
const away = mkdtempSync(join(tmpdir(), 'tautline-packages-'))
let failures = 0

function run(cwd: string, command: string, ...args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (status === 0) return
  failures += 1
  process.stderr.write(`\n${command} ${args.join(' ')}\n${stdout}${stderr}\n`)
}

function read(file: string) {
  return JSON.parse(readFileSync(file, 'utf8'))
}

const dirs: string[] = read(join(root, 'package.json')).workspaces.filter((path: string) =>
  path.startsWith('packages/'),
)
const manifests = dirs.map((dir): Manifest => read(join(root, dir, 'package.json')))

try {
  for (const dir of dirs) rmSync(join(root, dir, 'dist'), { recursive: true, force: true })
  run(root, process.execPath, tsc, '-b', 'tsconfig.build.json')
  for (const [index, { name }] of manifests.entries()) pack(join(root, dirs[index] ?? ''), name)
  for (const { dependencies = {}, peerDependencies = {} } of manifests) {
    Object.keys({ ...dependencies, ...peerDependencies }).forEach(link)
  }
  link('@types/node')
  consume('browser', ['@tautline/core', '@tautline/client'], { module: 'preserve', lib: ['ES2022', 'DOM'] })
  consume(
    'node',
    manifests.map(manifest => manifest.name),
    { module: 'nodenext', lib: ['ES2022'], types: ['node'] },
  )
} finally {
  rmSync(away, { recursive: true, force: true })
}
process.stdout.write(`${manifests.map(manifest => manifest.name).join(', ')}: ${failures} problems\n`)
process.exitCode = failures === 0 ? 0 : 1

/** Packs a package, has the tarball judged, and unpacks it where a consumer would find it. */
function pack(dir: string, name: string): void {
  const { stdout } = spawnSync('npm', ['pack', '--silent', '--pack-destination', away], { cwd: dir, encoding: 'utf8' })
  const tarball = join(away, stdout.trim())
  run(root, 'node_modules/.bin/publint', '--strict', tarball)
  run(root, 'node_modules/.bin/attw', tarball, '--profile', 'esm-only')
  const home = join(away, 'node_modules', name)
  mkdirSync(home, { recursive: true })
  run(home, 'tar', '-xzf', tarball, '--strip-components=1')
}

/** Makes a declared dependency visible to the unpacked packages; an undeclared one stays invisible. */
function link(name: string): void {
  const at = join(away, 'node_modules', name)
  if (name.startsWith('@tautline/')) return
  mkdirSync(dirname(at), { recursive: true })
  rmSync(at, { force: true })
  symlinkSync(join(modules, name), at)
}

/** Type-checks a program that imports every entry of some packages, their declarations included, and runs it. */
function consume(kind: string, names: readonly string[], options: object): void {
  const entries = manifests
    .filter(manifest => names.includes(manifest.name))
    .flatMap(({ name, exports }) => Object.keys(exports).map(entry => name + entry.slice(1)))
    .filter(entry => !entry.endsWith('.json'))
  const lines = entries.map(
    entry => `if (Object.keys(await import('${entry}')).length === 0) throw new Error('${entry} is empty')`,
  )
  const compilerOptions = { target: 'ES2022', strict: true, skipLibCheck: false, types: [], ...options }

  const dir = join(away, kind)
  mkdirSync(dir)
  writeFileSync(join(dir, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
  writeFileSync(join(dir, 'main.ts'), `${lines.join('\n')}\nexport {}\n`)
  run(dir, process.execPath, tsc, '-p', '.')
  run(dir, process.execPath, 'main.js')
}
