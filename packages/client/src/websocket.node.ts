import { WebSocket as FallbackWebSocket } from 'ws'
import type * as browser from './websocket.browser.ts'

/** The platform's own WebSocket class where Node has one (22 and newer), and that of `ws` on Node 20. */
export const platformWebSocket: typeof browser.platformWebSocket = () =>
  globalThis.WebSocket ?? (FallbackWebSocket as unknown as typeof WebSocket)
