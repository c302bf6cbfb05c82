import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
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

/** Waits for the message that `pick` finds something in. */
export function heard<Message, Value>(
  child: ChildProcess,
  pick: (message: Message) => Value | undefined,
  ms: number,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    const impatience = setTimeout(() => finish(() => reject(new Error(`nothing was heard for ${ms} ms`))), ms)
    const onMessage = (message: unknown) => {
      const value = pick(message as Message)
      if (value !== undefined) finish(() => resolve(value))
    }
    const onExit = () => finish(() => reject(new Error('the process is gone')))
    const finish = (settle: () => void) => {
      clearTimeout(impatience)
      child.off('message', onMessage).off('exit', onExit)
      settle()
    }
    child.on('message', onMessage).on('exit', onExit)
  })
}

export function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

/** Waits for the end of a process, so many ms. Says whether it went without having to be killed. */
export async function gone(child: ChildProcess, ms: number): Promise<boolean> {
  let killed = false
  const impatience = setTimeout(() => {
    killed = true
    child.kill('SIGKILL')
  }, ms)
  if (isRunning(child)) await once(child, 'exit')
  clearTimeout(impatience)
  return !killed
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
    external: ['ws', 'zod', '@msgpack/msgpack', 'ioredis', '@nats-io/*'],
    logLevel: 'error',
  })
  return outfile
}
