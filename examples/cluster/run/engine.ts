import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MISSING =
  'This example needs redis-server, which is not there: install it with "sudo apt-get install redis-server" (Debian, ' +
  'Ubuntu) or "brew install redis" (macOS), or name one that runs with REDIS_URL=redis://….'

/** A Redis that all servers share. */
export interface RunningEngine {
  readonly url: string
  readonly close: () => Promise<void>
}

/**
 * The Redis at `REDIS_URL`, or one of our own on a free port, in a directory that goes with it.
 *
 * @throws Error that says how to install it.
 */
export async function startEngine(): Promise<RunningEngine> {
  const { REDIS_URL } = process.env
  if (REDIS_URL !== undefined) return { url: REDIS_URL, close: async () => undefined }

  const [port, dir] = [await freePort(), await mkdtemp(join(tmpdir(), 'tautline-cluster-'))]
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--appendonly', 'yes', '--save', '']
  // In a process group of its own: Ctrl-C is for the servers first, which still need it to leave in good order.
  const engine = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  process.once('exit', () => engine.kill('SIGKILL'))
  try {
    await new Promise<void>((resolve, reject) => {
      engine.once('error', () => reject(new Error(MISSING)))
      engine.once('exit', () => reject(new Error('redis-server ended at once')))
      engine.stdout.on('data', text => /ready to accept/i.test(String(text)) && resolve())
    })
  } catch (error) {
    await rm(dir, { recursive: true })
    throw error
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    async close() {
      engine.kill('SIGKILL')
      await once(engine, 'exit')
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
