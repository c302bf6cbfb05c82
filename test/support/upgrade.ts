/** The lines of a request for Tautline's WebSocket, as a browser sends it. A header of `undefined` is left out. */
export function upgradeLines(path = '/live', headers: Readonly<Record<string, string | undefined>> = {}): string[] {
  const all = {
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol': 'tautline.1',
    ...headers,
  }
  const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]))
  return [`GET ${path} HTTP/1.1`, ...lines]
}
