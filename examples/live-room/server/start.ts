import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { serve } from '@tautline/server'
import { live } from '../contract.ts'
import { assistant } from './assistant.ts'
import { Audience } from './audience.ts'
import { BareLane } from './bare.ts'
import { startBeats } from './beats.ts'
import { files } from './files.ts'
import { Guests } from './guests.ts'
import { Lines } from './lines.ts'
import { listen } from './listen.ts'
import { builtPage, POLICY, sourcePage } from './page.ts'
import { roomsOf, stageOf } from './rooms.ts'
import { authenticate } from './visitors.ts'

const DRAIN_MS = 5_000

export interface Options {
  /** Where to listen, or on the next free one after it. */
  readonly port: number
  /** Serves the page as it would be deployed, instead of from its sources. */
  readonly built: boolean
}

export interface Running {
  readonly port: number
  /** Drains: everybody's answers are finished first, for a few seconds at most. */
  readonly close: () => Promise<void>
}

/** One process, one port: the page, Tautline, the bare lane, and Vite's own socket. */
export async function start({ port, built }: Options): Promise<Running> {
  const http = createServer()
  const audience = new Audience()
  const bare = new BareLane()
  const lines = new Lines()
  const guests = new Guests(audience, bare)
  const page = built ? await builtPage() : await sourcePage(http)
  const server = await serve(
    live,
    { server: http, authenticate, onSession: audience.enter, onError: error => process.stderr.write(`${error}\n`) },
    { rooms: roomsOf(bare, guests), stage: stageOf(bare), assistant, files },
  )

  http.prependListener('upgrade', lines.upgrade)
  http.on('upgrade', upgrade)
  http.on('request', answer)
  const stopBeats = startBeats(server, bare, audience)
  guests.start(server)
  return { port: await listen(http, port), close }

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const path = pathOf(request)
    if (path === '/bare') bare.upgrade(request, socket, head)
    else if (path !== '/live' && !isVite(request)) socket.destroy()
  }

  function answer(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader('Content-Security-Policy', POLICY)
    if (pathOf(request) !== '/cut') return page.answer(request, response)
    const cut = request.method === 'POST' ? lines.cut(request) : 0
    response.writeHead(cut > 0 ? 204 : 404).end()
  }

  async function close(): Promise<void> {
    stopBeats()
    guests.stop()
    await server.close({ withinMs: DRAIN_MS })
    bare.close()
    await page.close()
    http.close()
    http.closeAllConnections()
  }
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '/'
}

function isVite({ headers }: IncomingMessage): boolean {
  return /^vite-/.test(headers['sec-websocket-protocol'] ?? '')
}
