import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

test.each(['16.20.2', '18.20.8', '20.18.3'])('Node %s is refused in one sentence', version => {
  const pretend = `data:text/javascript,Object.defineProperty(process,'versions',{value:{node:'${version}'}})`
  const { status, stderr, stdout } = spawnSync(process.execPath, ['--import', pretend, 'scripts/start.cjs'], {
    encoding: 'utf8',
  })
  expect(status).toBe(1)
  expect(stdout).toBe('')
  expect(stderr).toMatch(/^Tautline needs Node 20\.19 or newer; this is [\d.]+\.\n$/)
})
