import { type ClientOptions, WebSocket as FallbackWebSocket } from 'ws'
import type * as browser from './websocket.browser.ts'

/** Nobody waits longer for the answer to a goodbye, in ms. */
const CLOSE_MS = 3_000

/** The platform's own WebSocket class where Node has one (22 and newer), and that of `ws` on Node 20. */
export const platformWebSocket: typeof browser.platformWebSocket = messageBytes =>
  globalThis.WebSocket ?? fallback(messageBytes)

function fallback(maxPayload: number): typeof WebSocket {
  const options: ClientOptions & { readonly closeTimeout: number } = {
    perMessageDeflate: false,
    maxPayload,
    closeTimeout: CLOSE_MS,
  }
  const Fallback = class extends FallbackWebSocket {
    constructor(url: string, protocol: string) {
      super(url, protocol, options)
    }
  }
  return Fallback as unknown as typeof WebSocket
}
