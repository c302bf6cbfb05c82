/** Runs before `npm test` and installs, where it may, what the suites need beyond npm. Nothing else installs anything. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { findBinary, installCommand, type Tool, tools } from './tools.ts'

const missing = Object.values<Tool>(tools).filter(tool => findBinary(tool.binary) === undefined)
if (missing.length > 0) provide(missing)

function provide(missing: readonly Tool[]): void {
  const command = installCommand(missing.map(tool => tool.apt))
  const names = missing.map(tool => `${tool.binary} (${tool.suite})`).join(', ')
  if (!existsSync('/etc/debian_version') || process.getuid?.() !== 0) {
    say(`missing: ${names}. To run those suites too, as root on Debian:\n  ${command}`)
    return
  }
  say(`missing: ${names}. Root on Debian, so installing:\n  ${command}`)
  const { status } = spawnSync('sh', ['-c', command], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  say(status === 0 ? 'installed.' : 'the installation failed; those suites cannot run.')
}

function say(text: string): void {
  process.stdout.write(`pretest: ${text}\n`)
}
