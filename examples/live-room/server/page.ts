import { readFile } from 'node:fs/promises'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { outlineOf } from '@tautline/core'
import { build, createServer, defaultClientConditions, type InlineConfig, type Plugin } from 'vite'
import { live } from '../contract.ts'

/** Nothing inline, nothing evaluated, nothing from elsewhere; also while Vite serves the sources. */
export const POLICY =
  "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

/** What answers the browser's requests for the page. */
export interface Page {
  readonly answer: (request: IncomingMessage, response: ServerResponse) => void
  readonly close: () => Promise<void>
}

const home = fileURLToPath(new URL('..', import.meta.url))

/** The contract without its schemas: the page needs its names and its types, and no validator. */
const outline: Plugin = {
  name: 'outline',
  resolveId: id => (id === 'virtual:outline' ? '\0outline' : undefined),
  load: id => (id === '\0outline' ? `export default ${JSON.stringify(outlineOf(live))}` : undefined),
}

const config = {
  configFile: false,
  root: join(home, 'page'),
  logLevel: 'warn',
  plugins: [outline],
  resolve: { conditions: ['@tautline/source', ...defaultClientConditions] },
  build: { outDir: join(home, 'dist'), emptyOutDir: true, assetsInlineLimit: 0 },
} satisfies InlineConfig

/** The page from its sources. Vite's own WebSocket lives on the same server as ours. */
export async function sourcePage(server: Server): Promise<Page> {
  const vite = await createServer({
    ...config,
    cacheDir: join(home, 'node_modules', '.vite'),
    server: {
      middlewareMode: true,
      ws: { server },
      hmr: { overlay: false },
      fs: { allow: ['page', '../../packages', '../../node_modules'].map(path => join(home, path)) },
    },
  })
  return { answer: vite.middlewares, close: () => vite.close() }
}

/** The page as it would be deployed: built once, then read from disk. */
export async function builtPage(): Promise<Page> {
  await build(config)
  return { answer: (request, response) => void sendFile(request, response), close: async () => undefined }
}

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
}

async function sendFile(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://here')
  const name = pathname === '/' ? '/index.html' : pathname
  const type = TYPES[extname(name)]
  try {
    if (type === undefined || !/^(?:\/[\w-][\w.-]*)+$/.test(name)) throw new Error('no such file')
    const body = await readFile(join(config.build.outDir, name))
    response.writeHead(200, { 'Content-Type': `${type}; charset=utf-8` }).end(body)
  } catch {
    response.writeHead(404).end()
  }
}
