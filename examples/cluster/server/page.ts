import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where the page is built to. */
export const BUILT = fileURLToPath(new URL('../dist', import.meta.url))

const POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
}

/** Answers with the page as it was built, and balancers with whether clients may be sent here. */
export async function answer(
  { url = '/' }: IncomingMessage,
  response: ServerResponse,
  isReady: () => boolean,
): Promise<void> {
  const { pathname } = new URL(url, 'http://here')
  response.setHeader('Content-Security-Policy', POLICY)
  if (pathname === '/healthz') return void response.writeHead(isReady() ? 200 : 503).end()
  const name = pathname === '/' ? '/index.html' : pathname
  const type = TYPES[extname(name)]
  try {
    if (type === undefined || !/^(?:\/[\w-][\w.-]*)+$/.test(name)) throw new Error('no such file')
    const body = await readFile(join(BUILT, name))
    response.writeHead(200, { 'Content-Type': `${type}; charset=utf-8` }).end(body)
  } catch {
    response.writeHead(404).end()
  }
}
