import { readFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'

/** Where this was measured, with which versions, and how busy it was there. */
export function machineOf(minutes: number): string {
  const kind = cpus()[0]?.model.trim() ?? 'an unknown kind'
  return `${cpus().length} cores of ${kind}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}, Node ${process.versions.node}.
${versions()}.

It took ${minutes.toFixed(0)} minutes. The load average over the last 15 of them was ${(loadavg()[2] ?? 0).toFixed(1)}. The bench itself keeps it at about 2;
where it is well above, others were at work on this machine too, and figures scatter by a third and more.`
}

function versions(): string {
  // What is built lies one deeper.
  const isSource = import.meta.url.endsWith('.ts')
  const path = fileURLToPath(new URL(isSource ? '../package.json' : '../../package.json', import.meta.url))
  const { dependencies } = JSON.parse(readFileSync(path, 'utf8')) as { dependencies: Record<string, string> }
  return Object.entries(dependencies)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')
}
