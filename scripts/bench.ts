/**
 * Builds Tautline and the bench, installs the bench's peers if they are not there, checks its types, and runs it in plain
 * Node. `--check` only checks.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { findBinary } from './tools.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const bench = `${root}/packages/bench`
const tsc = 'node_modules/typescript/bin/tsc'

function run(command: string, args: readonly string[], env: Readonly<Record<string, string | undefined>> = {}): void {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
  if (status !== 0) process.exit(status ?? 1)
}

if (!existsSync(`${bench}/node_modules`)) run('npm', ['ci', '--prefix', bench, '--no-audit', '--no-fund'])
run(process.execPath, [tsc, '-b', 'tsconfig.build.json'])
run(process.execPath, [tsc, '-p', bench])
if (process.argv.includes('--check')) process.exit()

const sources = readdirSync(bench, { recursive: true, encoding: 'utf8' })
await build({
  entryPoints: sources.filter(path => /^(?!node_modules|dist|pages).*\.ts$/.test(path)).map(path => `${bench}/${path}`),
  outbase: bench,
  outdir: `${bench}/dist`,
  format: 'esm',
  target: 'node20',
  logLevel: 'warning',
  plugins: [
    {
      name: 'relative imports end in .js',
      setup(it) {
        it.onResolve({ filter: /^\.{1,2}\/.*\.ts$/ }, ({ path }) => ({
          path: path.replace(/\.ts$/, '.js'),
          external: true,
        }))
        it.onResolve({ filter: /^[^./]/ }, () => ({ external: true }))
      },
    },
  ],
  bundle: true,
})
await build({
  entryPoints: ['floor', 'tautline'].map(page => `${bench}/pages/${page}.ts`),
  outbase: bench,
  outdir: `${bench}/dist`,
  outExtension: { '.js': '.page.js' },
  format: 'iife',
  target: 'es2022',
  minify: true,
  logLevel: 'warning',
  bundle: true,
})
const [, , ...args] = process.argv
// What engines cost is measured, and written down, by itself; what single steps cost is only told.
const main = `${bench}/dist/${['engine', 'micro'].find(each => args.includes(`--${each}`)) ?? 'main'}.js`
run(process.execPath, [main, ...args], { BENCH_CHROMIUM: findBinary('chromium') })
