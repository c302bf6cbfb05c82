/**
 * The platform's own WebSocket class; every browser and worker, Deno and Bun have one.
 *
 * @param _messageBytes - the largest message to take, for classes that can be told.
 */
export function platformWebSocket(_messageBytes: number): typeof WebSocket {
  return WebSocket
}
