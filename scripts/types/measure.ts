/**
 * Measures what the types cost: generates contracts of 50 to 1,000 entries, a client that uses 50 of them and a server
 * that handles all, and has TypeScript check them against the built packages. The largest are held to their budgets;
 * with `--budgets` only those are measured.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { holdBudget } from '../budgets.ts'
import { applicationOf, type Mix } from './fixture.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const away = `${root}node_modules/.cache/tautline/types`
const tsc = `${root}node_modules/typescript/bin/tsc`

const LARGEST = 1_000
const sizes = process.argv.includes('--budgets') ? [LARGEST] : [50, 200, 500, LARGEST]
const sides = {
  contract: ['contract.ts'],
  client: ['contract.ts', 'client.ts'],
  server: ['contract.ts', 'client.ts', 'server.ts'],
}

interface Cost {
  readonly instantiations: number
  readonly types: number
  readonly checkSeconds: number
}

rmSync(away, { recursive: true, force: true })
run([tsc, '-b', 'tsconfig.build.json'])
row('mix', 'files', 'entries', 'instantiations', 'types', 'check')
report('zod', 'contract', LARGEST)
for (const mix of ['plain', 'mixed'] as const) {
  for (const size of sizes) {
    const [client, server] = [report(mix, 'client', size), report(mix, 'server', size)]
    if (size !== LARGEST) continue
    holdBudget(`types: ${mix} contract of ${LARGEST} and a client`, client.instantiations)
    holdBudget(`types: ${mix} contract of ${LARGEST}, a client and a server`, server.instantiations)
  }
}

function report(mix: Mix, side: keyof typeof sides, size: number): Cost {
  const cost = measure(mix, side, size)
  row(mix, side, size, cost.instantiations, cost.types, `${cost.checkSeconds.toFixed(2)} s`)
  return cost
}

function measure(mix: Mix, side: keyof typeof sides, size: number): Cost {
  const dir = `${away}/${mix}-${side}-${size}`
  mkdirSync(dir, { recursive: true })
  for (const [name, text] of Object.entries(applicationOf(size, mix))) writeFileSync(`${dir}/${name}`, text)
  const compilerOptions = { noEmit: true, lib: ['ES2023', 'ESNext.Disposable', 'DOM'], types: ['node'] }
  const config = { extends: `${root}tsconfig.base.json`, compilerOptions, files: sides[side] }
  writeFileSync(`${dir}/tsconfig.json`, JSON.stringify(config))
  const output = run([tsc, '-p', dir, '--extendedDiagnostics'])
  const figure = (name: string) => Number(output.match(new RegExp(`^${name}:\\s+([\\d.]+)`, 'm'))?.[1])
  return { instantiations: figure('Instantiations'), types: figure('Types'), checkSeconds: figure('Check time') }
}

function run(args: readonly string[]): string {
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${args.join(' ')}\n${stdout.slice(0, 4_000)}`)
  return stdout
}

function row(...cells: readonly (string | number)[]): void {
  process.stdout.write(`${cells.map(cell => String(cell).padStart(14)).join('')}\n`)
}
