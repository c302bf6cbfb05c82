/** A node on Redis, written by hand on `ioredis`, `ws` and MessagePack: whatever is published on one reaches clients of all. */
import { encode } from '@msgpack/msgpack'
import { Redis } from 'ioredis'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Message } from '../work.ts'
import { host, PORT } from './host.ts'

/** As short as where there are more topics and rooms than one; the braces are for a cluster. */
const CHANNEL = 'chat:{rooms.feed.lobby}'
const [META, LOG, FEED] = [`${CHANNEL}:meta`, `${CHANNEL}:log`, `${CHANNEL}:feed`]
const LINE_FEED = 0x0a
const NUMBERED = `
local offset = redis.call('HINCRBY', KEYS[1], 'head', 1)
redis.call('XADD', KEYS[2], 'MAXLEN', 500, offset .. '-0', 'b', ARGV[1])
redis.call('PUBLISH', KEYS[3], offset .. '\\n' .. ARGV[1])
return offset`

const port = Number(process.env['ENGINE_PORT'])
const commands = new Redis({ port, host: '127.0.0.1' })
const feeds = new Redis({ port, host: '127.0.0.1' })
commands.defineCommand('numbered', { numberOfKeys: 3, lua: NUMBERED })
const { numbered } = commands as unknown as { numbered(...args: (string | Buffer)[]): Promise<number> }

/** Each way to publish a frame. */
const WORK: Readonly<Record<string, (frame: Buffer) => Promise<unknown>>> = {
  publish: frame => commands.publish(FEED, frame),
  multi: frame => commands.multi().xadd(LOG, 'MAXLEN', '500', '*', 'b', frame).publish(FEED, frame).exec(),
  script: frame => numbered.call(commands, META, LOG, FEED, frame),
}

const work = process.env['ENGINE_WORK'] ?? ''
const publish = WORK[work] ?? Promise.reject
const subscribers = new Set<WebSocket>()
let newest = 0

feeds.on('messageBuffer', (_: Buffer, message: Buffer) => {
  const frame = work === 'script' ? numberedFrame(message) : message
  for (const ws of subscribers) ws.send(frame)
})

/** Of a frame behind its number: it must be the next one, or something was missed. */
function numberedFrame(message: Buffer): Buffer {
  const end = message.indexOf(LINE_FEED)
  const offset = Number(message.toString('latin1', 0, end))
  if (newest > 0 && offset !== newest + 1) throw new Error(`${offset} after ${newest}`)
  newest = offset
  return message.subarray(end + 1)
}

const server = new WebSocketServer({ port: PORT, host: '127.0.0.1', maxPayload: 1_048_576, perMessageDeflate: false })
server.on('connection', ws => {
  // It is asked for nothing else. A node that nobody listens on does not listen either.
  ws.on('message', async () => {
    await feeds.subscribe(FEED)
    subscribers.add(ws)
    ws.send(encode([1]))
  })
  ws.on('close', () => subscribers.delete(ws))
})

server.on('listening', () => {
  host({
    port: (server.address() as { port: number }).port,
    publish(times: number, _room: string, message: Message) {
      const frame = () => Buffer.from(encode([0, message]))
      return Promise.all(Array.from({ length: times }, () => publish(frame())))
    },
  })
})
