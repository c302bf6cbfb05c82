import { type ChildProcess, fork } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const bundles = new Map<string, Promise<string>>()

/**
 * Runs a script of this directory in a process of its own, with one argument. It begins as one file of JavaScript, three
 * times as fast: some tests begin forty.
 */
export async function forkScript(name: string, argument: object): Promise<ChildProcess> {
  const bundle = bundles.get(name) ?? bundled(name)
  bundles.set(name, bundle)
  return fork(await bundle, [JSON.stringify(argument)], {
    execArgv: ['--expose-gc'],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
}

async function bundled(name: string): Promise<string> {
  const outfile = fileURLToPath(new URL(`../../test-results/${name}-${process.pid}.mjs`, import.meta.url))
  process.once('exit', () => rmSync(outfile, { force: true }))
  await build({
    entryPoints: [fileURLToPath(new URL(`${name}.ts`, import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['@tautline/source'],
    external: ['ws', 'zod', '@msgpack/msgpack'],
    logLevel: 'error',
  })
  return outfile
}
