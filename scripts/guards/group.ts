import { spawn } from 'node:child_process'

/** How a program ended: by itself, or because its time was up. */
export type End = { readonly kind: 'exited'; readonly code: number } | { readonly kind: 'hung' }

const running = new Set<number>()

// Whoever ends this process ends what it has started.
process.once('exit', () => {
  for (const pid of running) kill(pid)
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))

/**
 * Runs a program of Node in a process group of its own, in which nothing may have a larger heap than so many MiB. When it
 * ends, or does not end in time, nothing of the group is left: what it had started neither.
 */
export async function runGroup(
  args: readonly string[],
  { cwd, withinMs, heapMiB }: { readonly cwd: string; readonly withinMs: number; readonly heapMiB: number },
): Promise<End> {
  const env = { ...process.env, NODE_OPTIONS: `--max-old-space-size=${heapMiB}` }
  const leader = spawn(process.execPath, args, { cwd, env, stdio: 'ignore', detached: true })
  const { pid } = leader
  if (pid === undefined) throw new Error(`${args[0]} could not be started`)
  running.add(pid)
  let hung = false
  const impatience = setTimeout(() => {
    hung = true
    kill(pid)
  }, withinMs)
  const code = await new Promise<number | null>(resolve => leader.once('exit', resolve))
  clearTimeout(impatience)
  kill(pid)
  running.delete(pid)
  return hung ? { kind: 'hung' } : { kind: 'exited', code: code ?? 1 }
}

function kill(group: number): void {
  try {
    process.kill(-group, 'SIGKILL')
  } catch {
    // Nothing of it is left.
  }
}
