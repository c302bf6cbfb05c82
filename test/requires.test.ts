import { afterEach, expect, test, vi } from 'vitest'
import { requireTool } from './support/requires.ts'

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

test('a suite whose program is missing is skipped, loudly and with the command that installs it', () => {
  vi.stubEnv('PATH', '')
  vi.stubEnv('CI', '')
  const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  expect(requireTool('chromium').path).toBe('')
  expect(stderr).toHaveBeenCalledWith(expect.stringMatching(/SKIPPED: browser tests .*apt-get install .*chromium/))
})

test('under CI a skip is a failure', () => {
  vi.stubEnv('PATH', '')
  vi.stubEnv('CI', 'true')
  expect(() => requireTool('chromium')).toThrow('browser tests need chromium')
})
