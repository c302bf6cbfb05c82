/**
 * What `compression: true` costs and gains, with and without, on this machine: `npm run perf:compression`. The figures
 * of docs/guide/security.md come from here.
 */
import { encodeFrame, FrameType } from '@tautline/core/wire'
import { WebSocket } from 'ws'
import { SUBPROTOCOL, WsSocket } from '../packages/server/src/ws.ts'
import { HandClient } from '../packages/server/test/support/hand-client.ts'
import { Fort } from '../test/support/fort.ts'

const CLIENTS = 300
const CALLS = 20

/** What people send: words, names, numbers that count up. */
const chat = Array.from({ length: 40 }, (_, n) => ({
  id: `m-${1_000 + n}`,
  author: ['ada', 'grace', 'barbara'][n % 3],
  text: 'the quick brown fox jumps over the lazy dog and is back for tea'.slice(n % 20, 30 + (n % 30)),
  at: new Date(1_700_000_000_000 + n * 61_000).toISOString(),
}))
const text = JSON.stringify(chat)

async function measure(compression: boolean) {
  const fort = await Fort.start({ compression, limits: { sessionsPerIdentity: 1_000, unauthenticated: 5_000 } })
  const clients: { ws: WebSocket; client: HandClient }[] = []
  for (let n = 0; n < CLIENTS; n++) {
    const ws = new WebSocket(`ws://127.0.0.1:${fort.port}/live`, SUBPROTOCOL, { perMessageDeflate: compression })
    await new Promise(resolve => ws.once('open', resolve))
    const client = new HandClient(new WsSocket(ws))
    client.hello({ token: `client ${n % 10}` })
    await client.until(({ welcome }) => welcome)
    clients.push({ ws, client })
  }
  const idle = await fort.report()
  const read = () => clients.reduce((sum, { ws }) => sum + below(ws).bytesRead, 0)
  const before = read()
  const started = performance.now()
  for (let id = 1; id <= CALLS; id++) {
    for (const { client } of clients) client.call(id, 'echo', text)
    await Promise.all(clients.map(({ client }) => client.until(() => client.outcome(id))))
  }
  const seconds = (performance.now() - started) / 1_000
  const bytes = (read() - before) / CLIENTS / CALLS
  const busy = await fort.report()
  for (const { ws } of clients) ws.terminate()
  await fort.end()
  return {
    compression,
    'bytes per answer': Math.round(bytes),
    'server ms per call': Number(((busy.cpuMs - idle.cpuMs) / CLIENTS / CALLS).toFixed(3)),
    'KiB per client after it': Math.round((busy.memory.rss - idle.memory.rss) / CLIENTS / 1_024),
    'calls per second': Math.round((CLIENTS * CALLS) / seconds),
  }
}

function below(ws: WebSocket): { readonly bytesRead: number } {
  return (ws as unknown as { readonly _socket: { readonly bytesRead: number } })._socket
}

const size = encodeFrame([FrameType.END, 1, text]).length
console.log(`${CLIENTS} clients, ${CALLS} calls each; an answer of ${size} bytes`)
console.table([await measure(false), await measure(true)])
