import { type ClientOptions, WebSocket as NodeWebSocket } from 'ws'
import type * as browser from './websocket.browser.ts'

/** Nobody waits longer for the answer to a goodbye, in ms. */
const CLOSE_MS = 3_000

/**
 * In Node the class of `ws`, which can be told how much to take before it takes it; Node's own cannot, and unpacks
 * whatever a hostile server has compressed. Bun and Deno, which look like Node here, have their own.
 */
export const platformWebSocket: typeof browser.platformWebSocket = messageBytes =>
  'bun' in process.versions || 'deno' in process.versions ? globalThis.WebSocket : bounded(messageBytes)

function bounded(maxPayload: number): typeof WebSocket {
  const options: ClientOptions & { readonly closeTimeout: number } = {
    perMessageDeflate: false,
    maxPayload,
    closeTimeout: CLOSE_MS,
  }
  const Bounded = class extends NodeWebSocket {
    constructor(url: string, protocol: string) {
      super(url, protocol, options)
    }
  }
  return Bounded as unknown as typeof WebSocket
}
