import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { connect } from '@tautline/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from '../../../test/support/pages.ts'
import { snippetsOf } from '../../../test/support/snippets.ts'
import { chat } from '../contract.ts'

const home = join(root, 'examples', 'quickstart')
// Beside the originals, where imports are resolved as they are there.
const copies = join(home, 'dist')
const node = ['--conditions=@tautline/source', '--import', 'tsx']

let port: number

/** The files as they stand, but on a port that is free. */
beforeAll(async () => {
  port = await freePort()
  mkdirSync(copies, { recursive: true })
  copyFileSync(join(home, 'contract.ts'), join(copies, 'contract.ts'))
  for (const name of ['server.ts', 'client.ts']) {
    writeFileSync(join(copies, name), readFileSync(join(home, name), 'utf8').replace('3000', String(port)))
  }
})
afterAll(() => rmSync(copies, { recursive: true }))

test.each(['contract.ts', 'server.ts', 'client.ts'])('the README shows %s as it is', name => {
  const shown = snippetsOf('README.md').find(({ path }) => path.endsWith(name))
  expect(shown?.code.trim()).toBe(readFileSync(join(home, name), 'utf8').trim())
})

test('the client talks to the server, and SIGTERM ends it in peace', { timeout: 20_000 }, async () => {
  const server = spawn(process.execPath, [...node, join(copies, 'server.ts')], { stdio: 'inherit' })
  const gone = once(server, 'exit')
  try {
    await answers()
    const { stdout } = await promisify(execFile)(process.execPath, [...node, join(copies, 'client.ts')])
    expect(stdout.split('\n').sort()).toEqual(['', 'Ada: Hello!', 'You', 'asked:', 'does', 'it', 'resume?'].sort())
  } finally {
    server.kill('SIGTERM')
  }
  expect(await gone).toEqual([0, null])
})

async function answers(): Promise<void> {
  const { api, connection } = connect(chat, { url: `ws://localhost:${port}/live` })
  const words: string[] = []
  for await (const word of api.ask({ question: 'there?' })) words.push(word)
  connection.close()
  expect(words).toEqual(['You', 'asked:', 'there?'])
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0)
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  return port
}
