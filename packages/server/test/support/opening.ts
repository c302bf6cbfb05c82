import { connect, type Socket as TcpSocket } from 'node:net'
import { WebSocket } from 'ws'
import { upgradeLines } from '../../../../test/support/upgrade.ts'
import { SUBPROTOCOL, WsSocket } from '../../src/ws.ts'
import { HandClient } from './hand-client.ts'

/** How a WebSocket is opened. */
export interface Dial {
  readonly protocol?: string | readonly string[]
  readonly headers?: Readonly<Record<string, string>>
  readonly origin?: string
  /** Trusted in the place of the world's. */
  readonly ca?: string
}

/** What became of it: a client, or the HTTP answer that turned it away. */
export type Dialled =
  | { readonly client: HandClient; readonly ws: WebSocket }
  | { readonly status: number; readonly headers: Record<string, unknown> }

/** Opens a WebSocket, or learns why not. */
export function dial(url: string, { protocol = SUBPROTOCOL, ...options }: Dial = {}): Promise<Dialled> {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url, protocol === '' ? [] : [protocol].flat(), { ...options, perMessageDeflate: false })
    ws.on('open', () => resolve({ client: new HandClient(new WsSocket(ws)), ws }))
    ws.on('unexpected-response', (_request, response) => {
      response.resume()
      response.on('close', () => resolve({ status: response.statusCode ?? 0, headers: response.headers }))
    })
    ws.on('error', reject)
  })
}

/** As {@link dial}, for who must be let in. */
export async function open(
  url: string,
  options?: Dial,
): Promise<{ readonly client: HandClient; readonly ws: WebSocket }> {
  const dialled = await dial(url, options)
  if ('status' in dialled) throw new Error(`turned away with ${dialled.status}`)
  return dialled
}

/** A client that was welcomed. */
export async function join(url: string, token = 'ada', options?: Dial): Promise<HandClient> {
  const { client } = await open(url, options)
  client.hello({ token })
  await client.until(({ welcome }) => welcome)
  return client
}

/** A TCP connection on which everything is written by hand. */
export class Wire {
  readonly socket: TcpSocket
  readonly gone: Promise<void>
  text = ''

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('data', data => {
      this.text += data.toString('latin1')
    })
    this.gone = new Promise(resolve => this.socket.on('close', () => resolve()))
    this.socket.on('error', () => undefined)
  }

  write(data: string | Uint8Array): this {
    this.socket.write(data)
    return this
  }

  /** Asks for a WebSocket, as a browser does. */
  upgrade(path = '/live', headers: Readonly<Record<string, string | undefined>> = {}): this {
    return this.write([...upgradeLines(path, headers), '', ''].join('\r\n'))
  }

  /** Resolves when what has come so far matches. */
  until(pattern: RegExp): Promise<void> {
    return new Promise(resolve => {
      const look = () => {
        if (!pattern.test(this.text)) return
        this.socket.off('data', look)
        resolve()
      }
      this.socket.on('data', look)
      look()
    })
  }
}
