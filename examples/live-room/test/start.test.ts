import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, test, vi } from 'vitest'
import { root } from '../../../test/support/pages.ts'
import { startServer } from './support/server.ts'

vi.setConfig({ testTimeout: 30_000 })

test('a port that is taken is left alone, and the next one that is free is used', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as { port: number }
  const server = await startServer({ port })
  expect(server.port).toBeGreaterThan(port)
  expect(server.output()).toContain(`http://localhost:${server.port}/`)
  expect((await fetch(server.url)).status).toBe(200)
  await server.end()
  other.close()
})

test('signals that come twice end it once, in peace', async () => {
  const server = await startServer()
  expect(await server.end('SIGINT', 2)).toBe(0)
  expect(server.output()).not.toContain('Error')
})

test('npm start passes a signal on and waits', async () => {
  const child = spawn(process.execPath, ['scripts/start.cjs'], { cwd: root, env: { ...process.env, PORT: '0' } })
  const gone = once(child, 'exit')
  const [first] = await once(child.stdout.setEncoding('utf8'), 'data')
  expect(first).toContain('http://localhost:')
  child.kill('SIGTERM')
  expect(await gone).toEqual([0, null])
})
