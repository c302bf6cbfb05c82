/** Builds Tautline and the bench, installs the bench's peers if they are not there, and runs it in plain Node. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const bench = `${root}/packages/bench`

function run(command: string, args: readonly string[]): void {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

if (!existsSync(`${bench}/node_modules`)) run('npm', ['ci', '--prefix', bench, '--no-audit', '--no-fund'])
run(process.execPath, ['node_modules/typescript/bin/tsc', '-b', 'tsconfig.build.json'])

const sources = readdirSync(bench, { recursive: true, encoding: 'utf8' })
await build({
  entryPoints: sources.filter(path => /^(?!node_modules|dist).*\.ts$/.test(path)).map(path => `${bench}/${path}`),
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
run(process.execPath, [`${bench}/dist/main.js`, ...process.argv.slice(2)])
