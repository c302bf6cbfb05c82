/** The platform's own WebSocket class; every browser and worker, Deno and Bun have one. */
export function platformWebSocket(): typeof WebSocket {
  return WebSocket
}
