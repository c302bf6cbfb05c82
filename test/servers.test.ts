import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { connect, contract, procedure } from '@tautline/client'
import { afterEach, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import * as z from 'zod'
import { root } from './support/pages.ts'
import { Program } from './support/program.ts'
import { snippetsOf } from './support/snippets.ts'

const chat = contract({ greet: procedure({ input: z.object({ name: z.string() }), output: z.string() }) })

/** The files of docs/guide/servers.md, in a directory of their own: docs.test.ts writes the others anew. */
const home = join(root, 'test-results', 'servers')
for (const { path, code } of snippetsOf('docs/guide/servers.md')) write(basename(path), code)
write('pages/[[...all]].js', "export default function Page() {\n  return 'a page'\n}\n")
write('index.html', '<!doctype html><p>a page</p><script type="module" src="/main.js"></script>')
write('main.js', '')

let program: Program | undefined

afterEach(async () => {
  await program?.kill()
  program = undefined
})

describe('the servers of docs/guide/servers.md', { timeout: 60_000 }, () => {
  test.each(['alone', 'http', 'express', 'fastify', 'hono'])('%s: a call, a page, and an end', async name => {
    const { url, page, stop } = await start([join(home, `${name}.ts`)])
    expect(await greet(url)).toBe('Hello Ada!')
    if (name !== 'alone') expect(await page('/')).toBe('a page')
    expect(await stop()).toBe(0)
  })

  test('http: the other WebSocket has its own path', async () => {
    const { url, stop } = await start([join(home, 'http.ts')])
    const echo = await open(url.replace('/live', '/echo'))
    expect(await greet(url)).toBe('Hello Ada!')
    echo.socket.send('are you there?')
    expect(await echo.next()).toBe('are you there?')
    expect(await stop()).toBe(0)
  })

  test('vite: the socket of its hot updates is there before and after', async () => {
    const { url, page, stop } = await start(['test/support/vite-dev.ts', join(home, 'vite.config.ts')])
    expect(await page('/')).toContain('a page')
    const token = /wsToken = "([^"]+)"/.exec(await page('/@vite/client'))?.[1]
    const hot = await open(url.replace('/live', `/?token=${token}`), 'vite-hmr')
    expect(await hot.next()).toContain('connected')
    expect(await greet(url)).toBe('Hello Ada!')
    await hot.answers()
    // Vite says with this that it was told to stop.
    expect(await stop()).toBe(143)
  })

  test('next: beside a catch-all page, and the socket of its hot updates is there before and after', async () => {
    const { url, page, stop } = await start([join(home, 'next.ts')], { NEXT_TELEMETRY_DISABLED: '1' })
    expect(await page('/any/page')).toContain('a page')
    const hot = await open(url.replace('/live', '/_next/hmr'))
    expect(await greet(url)).toBe('Hello Ada!')
    await hot.answers()
    expect(await stop()).toBe(0)
  })
})

async function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const running = new Program(args, { PORT: '0', NODE_ENV: 'development', ...env })
  program = running
  const url = await running.prints(/ws:\/\/localhost:\d+\/live/)
  const origin = new URL(url.replace('ws:', 'http:')).origin
  return {
    url,
    page: async (path: string) => (await fetch(origin + path)).text(),
    stop: () => running.stop(),
  }
}

async function greet(url: string): Promise<string> {
  const { api, connection } = connect(chat, { url })
  try {
    return await api.greet({ name: 'Ada' })
  } finally {
    connection.close()
  }
}

/** A WebSocket that is open, what it brings, and whether there is still somebody at its other end. */
async function open(url: string, protocol?: string) {
  const socket = new WebSocket(url, protocol)
  const told: string[] = []
  socket.on('message', data => told.push(String(data)))
  await once(socket, 'open')
  return {
    socket,
    async next(): Promise<string> {
      while (told.length === 0) await once(socket, 'message')
      return told.shift() ?? ''
    },
    async answers(): Promise<void> {
      const pong = once(socket, 'pong')
      socket.ping()
      await pong
    },
  }
}

function write(name: string, text: string): void {
  mkdirSync(dirname(join(home, name)), { recursive: true })
  writeFileSync(join(home, name), text)
}
