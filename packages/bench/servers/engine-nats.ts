/** A node on NATS, written by hand on its own client, `ws` and MessagePack: whatever is published on one reaches clients of all. */
import { encode } from '@msgpack/msgpack'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type Msg } from '@nats-io/transport-node'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Message } from '../work.ts'
import { host, PORT } from './host.ts'

const MEMORY = 'bench.r.lobby'
const FEED = 'bench.f.lobby'
const KEPT = { max_msgs_per_subject: 500 }
const REPUBLISH = { src: MEMORY, dest: FEED }

const connection = await connect({ servers: `127.0.0.1:${process.env['ENGINE_PORT']}` })
const work = process.env['ENGINE_WORK'] ?? ''
const stream = jetstream(connection)
const { streams } = await jetstreamManager(connection, { checkAPI: false })
/** Where the stream does not tell of what it keeps, listeners hear the publisher itself, be it kept or not. */
if (work === 'jetstream') await streams.add({ name: 'bench', subjects: [FEED], ...KEPT })
if (work === 'republish') await streams.add({ name: 'bench', subjects: [MEMORY], ...KEPT, republish: REPUBLISH })

/** What is kept is acknowledged by itself, what is not by the order of what is sent. */
async function publish(times: number, frame: () => Uint8Array): Promise<void> {
  if (work !== 'core') {
    const subject = work === 'jetstream' ? FEED : MEMORY
    await Promise.all(Array.from({ length: times }, () => stream.publish(subject, frame())))
    return
  }
  for (let i = 0; i < times; i++) connection.publish(FEED, frame())
  if (times > 0) await connection.flush()
}

const subscribers = new Set<WebSocket>()
let following: Promise<void> | undefined
let newest = 0

function follow(): Promise<void> {
  connection.subscribe(FEED, {
    callback: (_, message) => tell(work === 'republish' ? numbered(message) : message.data),
  })
  return connection.flush()
}

function tell(frame: Uint8Array): void {
  for (const ws of subscribers) ws.send(frame)
}

/** Of a frame with its number: it must be the next one, or something was missed. */
function numbered({ headers, data }: Msg): Uint8Array {
  const [before, number] = [Number(headers?.get('Nats-Last-Sequence')), Number(headers?.get('Nats-Sequence'))]
  if (newest > 0 && before !== newest) throw new Error(`${number}, which follows ${before}, after ${newest}`)
  newest = number
  return data
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
