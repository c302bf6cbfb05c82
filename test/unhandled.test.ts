import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { root } from './support/pages.ts'

test('the suite fails on a rejection that nobody handles, though every test in it passes', {
  timeout: 60_000,
}, async () => {
  const vitest = spawn(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', '--root', 'test/support/unhandled'],
    {
      cwd: root,
      env: { ...process.env, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let output = ''
  for (const stream of [vitest.stdout, vitest.stderr]) stream.on('data', text => (output += text))
  const [code] = await once(vitest, 'exit')
  expect(output).toContain('nobody handles this')
  expect(output).toMatch(/1 passed/)
  expect(code).toBe(1)
})
