/** A node on NATS, written by hand on its own client, `ws` and MessagePack: whatever is published on one reaches clients of all. */
import { encode } from '@msgpack/msgpack'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Message } from '../work.ts'
import { host, PORT } from './host.ts'

const FEED = 'bench.lobby'

const connection = await connect({ servers: `127.0.0.1:${process.env['ENGINE_PORT']}` })
const work = process.env['ENGINE_WORK']
if (work === 'jetstream') {
  const { streams } = await jetstreamManager(connection)
  await streams.add({ name: 'bench', subjects: ['bench.>'], max_msgs_per_subject: 500 })
}
const stream = jetstream(connection)

/** What is kept is acknowledged by itself, what is not by the order of what is sent. */
async function publish(times: number, frame: () => Uint8Array): Promise<void> {
  if (work === 'jetstream') {
    await Promise.all(Array.from({ length: times }, () => stream.publish(FEED, frame())))
    return
  }
  for (let i = 0; i < times; i++) connection.publish(FEED, frame())
  if (times > 0) await connection.flush()
}

const subscribers = new Set<WebSocket>()
let following: Promise<void> | undefined

function follow(): Promise<void> {
  connection.subscribe(FEED, {
    callback(_, { data }) {
      for (const ws of subscribers) ws.send(data)
    },
  })
  return connection.flush()
}

const server = new WebSocketServer({ port: PORT, host: '127.0.0.1', maxPayload: 1_048_576, perMessageDeflate: false })
server.on('connection', ws => {
  // It is asked for nothing else. A node that nobody listens on does not listen either.
  ws.on('message', async () => {
    following ??= follow()
    await following
    subscribers.add(ws)
    ws.send(encode([1]))
  })
  ws.on('close', () => subscribers.delete(ws))
})

server.on('listening', () => {
  host({
    port: (server.address() as { port: number }).port,
    publish: (times: number, _room: string, message: Message) => publish(times, () => encode([0, message])),
  })
})
