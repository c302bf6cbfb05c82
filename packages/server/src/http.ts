import { createServer, type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ServerLimits } from './limits.ts'

/** An HTTP server that does nothing but wait for upgrades, and whom slow and silent clients cost little. */
export function upgradeOnlyServer({ requestMs, requestHeadBytes }: ServerLimits): Server {
  const options = {
    headersTimeout: requestMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: 1_000,
    maxHeaderSize: requestHeadBytes,
    keepAliveTimeout: 5_000,
    noDelay: true,
  }
  return createServer(options, (_request, response) => {
    response.writeHead(426, { connection: 'close, Upgrade', upgrade: 'websocket', 'content-type': 'text/plain' })
    response.end('This is a WebSocket server.\n')
  })
}

/** Answers a request for an upgrade with an HTTP error, and hangs up. */
export function refuse(
  raw: Duplex,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = `${text}\n`
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: text/plain',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ]
  raw.once('finish', () => raw.destroy())
  raw.end(`${lines.join('\r\n')}\r\n\r\n${body}`)
}
